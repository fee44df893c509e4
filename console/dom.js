// Elements as values, and bringing the document to them: only what differs is touched, so focus, selection and scrolling stay.
// A child with a key keeps its element wherever it moves to. Nothing is ever set as markup.

const SVG = 'http://www.w3.org/2000/svg';
/** What is set on the element itself, since the attribute is only its beginning. */
const LIVE = new Set(['value', 'checked', 'disabled', 'hidden', 'open', 'selected']);

/** An element as a value. Children may be nested lists; what is null or false is left out. */
export function h(tag, props, ...children) {
  const list = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  return { tag, props: props ?? {}, children: list, key: props?.key };
}

/** Makes the children of an element these. */
export function render(parent, children) {
  update(parent, [children].flat(Infinity).filter(Boolean), parent.namespaceURI === SVG);
}

function update(parent, wanted, isSvg) {
  const keyed = new Map();
  for (const node of parent.childNodes) if (node.was?.key !== undefined) keyed.set(node.was.key, node);
  let at = parent.firstChild;
  for (const child of wanted) {
    const node = match(child, at, keyed) ?? create(child, isSvg);
    if (node.was?.key !== undefined) keyed.delete(node.was.key);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
    settle(node, child, isSvg);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** The node that is there for this child already. */
function match(child, at, keyed) {
  if (typeof child !== 'object') return at?.nodeType === Node.TEXT_NODE ? at : null;
  if (child.key !== undefined) {
    const node = keyed.get(child.key);
    return node?.was.tag === child.tag ? node : null;
  }
  return at?.was && at.was.key === undefined && at.was.tag === child.tag ? at : null;
}

function create(child, isSvg) {
  if (typeof child !== 'object') return document.createTextNode(child);
  const node = isSvg || child.tag === 'svg' ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
  node.was = { tag: child.tag, key: child.key, props: {} };
  return node;
}

function settle(node, child, isSvg) {
  if (typeof child !== 'object') {
    if (node.data !== String(child)) node.data = child;
    return;
  }
  const { props: before, born } = node.was;
  for (const name of Object.keys(before)) if (!(name in child.props)) put(node, name, undefined);
  for (const [name, value] of Object.entries(child.props)) if (before[name] !== value || LIVE.has(name)) put(node, name, value);
  node.was = { tag: child.tag, key: child.key, props: child.props, born: true };
  update(node, child.children, isSvg || child.tag === 'svg');
  if (!born) child.props.born?.(node);
}

function put(node, name, value) {
  if (name === 'key' || name === 'born') return;
  if (name.startsWith('on')) {
    node[name] = value ?? null;
  } else if (name === 'style') {
    for (const [property, text] of Object.entries(value ?? {})) node.style.setProperty(property, text);
  } else if (LIVE.has(name) && name in node) {
    if (node[name] !== (value ?? '')) node[name] = value ?? '';
  } else if (value === undefined || value === null || value === false) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, value === true ? '' : value);
  }
}
