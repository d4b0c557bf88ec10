// Runs in every document before the page's own scripts: records what the page cannot know of.
(() => {
  if (window !== window.top || window.__received) return;
  // Every message of every live connection, and how many connections there were.
  window.__received = [];
  window.__sockets = [];
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor(...given) {
      super(...given);
      const told = { url: String(given[0]), opened: 0, closed: 0, code: 0 };
      window.__sockets.push(told);
      this.addEventListener('open', () => { told.opened = performance.now(); });
      this.addEventListener('message', e => { window.__received.push(String(e.data)); });
      this.addEventListener('close', e => { told.closed = performance.now(); told.code = e.code; });
    }
  };

  // Each change of the connection's state, and whether the banner was to be seen with it.
  window.__states = [];
  const look = () => {
    const root = document.documentElement;
    if (!root) return;
    const state = root.dataset.conn || '';
    const banner = document.querySelector('#banner');
    const shown = !!banner && banner.checkVisibility({ visibilityProperty: true });
    const last = window.__states.at(-1);
    if (!last || last.state !== state || last.banner !== shown) {
      window.__states.push({ state, banner: shown, at: performance.now() });
    }
  };
  new MutationObserver(look).observe(document, {
    subtree: true, attributes: true, attributeFilter: ['data-conn', 'class', 'hidden', 'data-source'],
  });
  document.addEventListener('DOMContentLoaded', look);

  // Web vitals: https://web.dev/articles/vitals, in the definitions of their own library.
  let lcp = null, cls = 0, fid = null;
  const durations = new Map();
  let session = 0, first = 0, last = 0;
  const observe = (type, take, more) => {
    try {
      new PerformanceObserver(list => list.getEntries().forEach(take))
        .observe({ type, buffered: true, ...more });
    } catch { /* told as missing */ }
  };
  observe('largest-contentful-paint', e => { lcp = e.startTime; });
  observe('layout-shift', e => {
    if (e.hadRecentInput) return;
    const on = session && e.startTime - last < 1000 && e.startTime - first < 5000;
    session = on ? session + e.value : e.value;
    if (!on) first = e.startTime;
    last = e.startTime;
    cls = Math.max(cls, session);
  });
  observe('first-input', e => { fid = e.processingStart - e.startTime; });
  observe('event', e => {
    if (!e.interactionId) return;
    durations.set(e.interactionId, Math.max(e.duration, durations.get(e.interactionId) || 0));
  }, { durationThreshold: 16 });
  window.__measured = () => {
    const inp = durations.size ? Math.max(...durations.values()) : null;
    return { lcp, cls, fid, inp };
  };
})();
