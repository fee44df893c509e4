// What a program can see of whether everybody can read and use this page. Gives a list of faults.
(() => {
  const faults = [];
  const seen = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && node.getClientRects().length > 0;
  const channel = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const colour = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((value, at) => value * a + below[at] * (1 - a));
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(colour(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, part, at) => sum + part * channel(rgb[at] / 255), 0);
  const contrast = (one, other) => (Math.max(light(one), light(other)) + 0.05) / (Math.min(light(one), light(other)) + 0.05);
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = words.nextNode(); text; text = words.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || !seen(node) || node.closest('.hidden, .skip, noscript')) continue;
    const style = getComputedStyle(node);
    const below = ground(node);
    const ratio = contrast(over(colour(style.color), below), below);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < least) faults.push(`contrast ${ratio.toFixed(2)}: ${text.data.trim().slice(0, 40)}`);
  }
  const name = (node) => (node.getAttribute('aria-label') ?? node.labels?.[0]?.innerText ?? node.innerText ?? '').trim();
  for (const node of document.querySelectorAll('a, button, input, select, [role="img"], [role="meter"], nav, [tabindex="0"]')) {
    if (seen(node) && !name(node)) faults.push(`no name: ${node.outerHTML.slice(0, 80)}`);
  }
  const ids = [...document.querySelectorAll('[id]')].map((node) => node.id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => faults.push(`twice: ${id}`));
  if (document.querySelectorAll('h1').length !== 1) faults.push('there is not one h1');
  if (document.querySelectorAll('main').length !== 1) faults.push('there is not one main');
  for (const th of document.querySelectorAll('th')) if (!th.scope) faults.push(`a heading of a table without scope: ${th.innerText}`);
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) faults.push(`${wide} px wide on ${innerWidth}`);
  for (const node of document.querySelectorAll('button, .thumbs a')) {
    const box = node.getBoundingClientRect();
    if (seen(node) && innerWidth < 940 && (box.height < 40 || box.width < 40)) faults.push(`too small for a thumb: ${name(node)} ${box.width}x${box.height}`);
  }
  return faults;
})()
