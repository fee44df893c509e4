// Small pictures, 24 by 24, drawn with the colour of the text around them. They mean nothing that words beside them do not say.

import { h } from './dom.js';

const PATHS = {
  overview: 'M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z',
  alarms: 'M12 4a5 5 0 0 0-5 5v4l-2 3h14l-2-3V9a5 5 0 0 0-5-5zM10 20h4',
  devices: 'M5 5h14v10H5zM9 19h6M12 15v4',
  sinks: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  letters: 'M4 7h16v11H4zM4 8l8 6 8-6',
  accounts: 'M5 5h14v14H5zM9 10h6M9 14h6',
  journal: 'M6 4h11v16H6zM9 8h5M9 12h5M9 16h3',
  ledger: 'M4 5h7a2 2 0 0 1 1 2v12a2 2 0 0 0-1-2H4zM20 5h-7a2 2 0 0 0-1 2v12a2 2 0 0 1 1-2h7z',
  config: 'M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4',
  principals: 'M12 12a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM5 20c.6-3.6 3.3-5 7-5s6.4 1.4 7 5',
  audit: 'M6 4h9l3 3v13H6zM9 12l2 2 4-4',
  diagnostics: 'M3 12h4l3-7 4 14 3-7h4',
  story: 'M6 5v14M6 7h7M6 12h11M6 17h5',
  menu: 'M5 7h14M5 12h14M5 17h14',
  close: 'M6 6l12 12M18 6L6 18',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.600l1.4 1.400M17 17l1.4 1.400M18.4 5.600L17 7M7 17l-1.4 1.4',
  moon: 'M19 14.500A7.5 7.5 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.500z',
  help: 'M9.5 9.500a2.5 2.5 0 1 1 3.5 2.300c-.7.3-1 .8-1 1.700M12 17v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
  check: 'M5 12.500l4.5 4.500L19 7',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2',
  plug: 'M9 4v5M15 4v5M6 9h12v2a6 6 0 0 1-12 0zM12 17v4',
  out: 'M14 5h5v14h-5M4 12h11M11 8l4 4-4 4',
  open: 'M6 10l6 6 6-6',
  shut: 'M10 6l6 6-6 6',
};

export function icon(name) {
  return h('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, h('path', { d: PATHS[name] }));
}

/** The mark of the product: a gate over the tide. */
export function mark() {
  return h('svg', { class: 'mark', viewBox: '0 0 32 32', 'aria-hidden': 'true' },
    h('path', { d: 'M6 5v22M26 5v22' }), h('path', { class: 'gate', d: 'M6 9h20' }), h('path', { class: 'tide', d: 'M9 18q3.5-3 7 0t7 0M9 23q3.5-3 7 0t7 0' }));
}
