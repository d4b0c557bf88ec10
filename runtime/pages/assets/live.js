// Keeps a live page up to date: takes the frames described in actors/live/diff/mod.rs and puts
// their values into the elements that the server drew. Values become texts and attributes, never
// markup. Old values are never shown as live: see `judge`.
//
// The document has <main id="live" data-topic data-epoch data-seq data-version data-lang data-now>
// around one element written by runtime/pages/template, <script id="statics"> with the templates,
// #banner (its data-text is said while the connection is lost) and #closed (hidden; shown when the
// view was closed, with data-reason; data-title becomes the document's). This script sets
// <html data-conn> to "live", "lost" or "closed".
"use strict";
(() => {
  const main = document.getElementById("live");
  if (!main) return;
  const page = document.documentElement;
  const banner = document.getElementById("banner");
  const own = main.dataset;
  const statics = JSON.parse(document.getElementById("statics").textContent);
  const trusted = window.trustedTypes?.createPolicy("live", { createHTML: (html) => html });

  // ---- time: milliseconds since navigation began, counting those a machine slept through
  const clock = () => Math.max(performance.now(), Date.now() - performance.timeOrigin);
  const asked = performance.getEntriesByType("navigation")[0]?.requestStart ?? 0;
  const now = () => Math.floor(+own.now + (clock() - asked) / 1000);
  const later = (ms, what) => setTimeout(what, ms);

  const age = (moment) => {
    if (!/^-?\d{1,15}$/.test(moment)) return moment;
    const s = Math.max(0, now() - moment);
    if (s < 60) return s + " s";
    if (s < 3600) return Math.floor(s / 60) + " min";
    return s < 86400 ? Math.floor(s / 3600) + " h" : Math.floor(s / 86400) + " d";
  };
  const write = (el, text) => el.textContent === text || (el.textContent = text);
  const ripen = () => {
    for (const el of main.querySelectorAll("[data-m]")) write(el, age(el.dataset.m));
    main.querySelectorAll("[data-x]").forEach(slide);
  };
  const slide = (el) => {
    const to = `translate(${-10 * (Math.floor(now() / 10) + 1)} 0)`;
    el.getAttribute("transform") === to || el.setAttribute("transform", to);
  };

  // ---- places: where each slot of an element stands, found once per element
  const found = new WeakMap();
  const places = (root) => {
    let slots = found.get(root);
    if (slots) return slots;
    found.set(root, (slots = []));
    const add = (slot, kind, el, name) => (slots[slot] ??= []).push({ kind, el, name });
    const walk = (el) => {
      const d = el.dataset;
      if (el !== root && d.p) return add(d.p, "p", el);
      if (d.s) add(d.s, "s", el);
      if (d.t) add(d.t, "t", el);
      if (d.v) add(d.v, "v", el);
      if (d.x !== undefined) slide(el);
      for (const pair of d.a?.split(" ") ?? []) {
        const [name, slot] = pair.split(":");
        add(slot, "a", el, name);
      }
      if (d.l) return add(d.l, "l", el);
      for (const child of el.children) walk(child);
    };
    walk(root);
    return slots;
  };
  const keyed = new WeakMap();
  const items = (list) => {
    let map = keyed.get(list);
    if (!map) {
      keyed.set(list, (map = new Map()));
      for (const el of list.children) map.set(el.dataset.k, el);
    }
    return map;
  };

  // ---- whole values
  const molds = {};
  const mold = (id) => {
    if (!molds[id]) {
      const el = document.createElement("template");
      el.innerHTML = trusted ? trusted.createHTML(statics[id]) : statics[id];
      molds[id] = el.content.firstElementChild;
    }
    return molds[id];
  };
  const build = (tree, name, value) => {
    const el = fill(document.importNode(mold(tree[0]), true), tree);
    if (name) el.dataset[name] = value;
    return el;
  };
  const fill = (el, tree) => {
    const slots = places(el);
    if (slots.length !== tree.length - 1) throw 0;
    slots.forEach((all, slot) => all.forEach((place) => put(place, tree[slot + 1])));
    return el;
  };
  const fits = (el, tree) => el?.dataset.n === String(tree[0]);
  const put = (place, value) => {
    const { kind, el, name } = place;
    if (kind === "v") return append(el, value.v, true);
    if (kind === "l") return arrange(el, value.l);
    if (kind === "p") {
      if (fits(el, value)) return fill(el, value);
      place.el = build(value, "p", el.dataset.p);
      return el.replaceWith(place.el);
    }
    if (typeof value === "object") throw 0;
    // As the server does: no control characters, and links only to paths of this site.
    let text = String(value).replace(/[\0-\x08\x0b-\x1f]/g, "\ufffd");
    if (kind === "a") {
      if (name === "href" && !/^\/(?![/\\\s])/.test(text)) text = "#";
      el.getAttribute(name) === text || el.setAttribute(name, text);
    } else if (kind === "t") {
      el.dataset.m = text;
      write(el, age(text));
    } else write(el, text);
  };
  const arrange = (list, flat) => {
    note(list);
    const old = items(list);
    const map = new Map();
    let next = list.firstElementChild;
    for (let i = 0; i < flat.length; i += 2) {
      const [key, tree] = [flat[i], flat[i + 1]];
      let el = old.get(key);
      old.delete(key);
      el = fits(el, tree) ? fill(el, tree) : build(tree, "k", key);
      if (el === next) next = next.nextElementSibling;
      else list.insertBefore(el, next);
      map.set(key, el);
    }
    while (next) {
      const gone = next;
      next = next.nextElementSibling;
      gone.remove();
    }
    keyed.set(list, map);
  };

  // ---- moves: what changes its place glides there from where it was, so that an eye can follow
  // and nothing jumps; with reduced motion it is just there. A transform is no layout shift.
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const from = new Map();
  const note = (list) => {
    for (const el of list.children)
      if (!from.has(el)) from.set(el, el.getBoundingClientRect().top);
  };
  const glide = () => {
    const moved = [];
    for (const [el, top] of from) {
      if (!el.isConnected) continue;
      el.style.transition = el.style.transform = "";
      const by = top - el.getBoundingClientRect().top;
      if (by) moved.push([el, by]);
    }
    from.clear();
    for (const [el, by] of moved) el.style.transform = `translateY(${by}px)`;
    if (!moved.length) return;
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        for (const [el] of moved) {
          el.style.transition = calm.matches ? "none" : "transform .3s";
          el.style.transform = "";
        }
      }),
    );
  };

  // ---- changes
  let touched = new Set();
  const change = (root, flat) => {
    const slots = places(root);
    for (let i = 0; i < flat.length; i += 2)
      for (const place of slots[flat[i]]) {
        const { kind, el } = place;
        const to = flat[i + 1];
        if (to?.r !== undefined) put(place, to.r);
        else if (kind === "p") change(el, to);
        else if (kind === "v") append(el, to);
        else if (kind === "l") amend(el, to);
        else put(place, to);
        touched.add(place.el);
      }
  };
  const amend = (list, flat) => {
    const map = items(list);
    let i = 0;
    if (Array.isArray(flat[0])) {
      i = 1;
      note(list);
      for (const step of flat[0]) {
        if (typeof step === "string") {
          map.get(step).remove();
          map.delete(step);
          continue;
        }
        const [key, behind, tree] = step;
        const before = behind === 0 ? list.firstElementChild : map.get(behind).nextElementSibling;
        if (tree) {
          map.set(key, build(tree, "k", key));
          list.insertBefore(map.get(key), before);
        } else if (list.moveBefore) list.moveBefore(map.get(key), before);
        else list.insertBefore(map.get(key), before);
      }
    }
    for (; i < flat.length; i += 2) {
      const [key, to] = [flat[i], flat[i + 1]];
      const el = map.get(key);
      if (!to.r) change(el, to);
      else {
        map.set(key, build(to.r, "k", key));
        el.replaceWith(map.get(key));
      }
    }
  };
  // A path's `d` has one token per point: `M… …h0` begins a run, `L… …` goes on, `M… 0` is a gap.
  const append = (path, flat, afresh) => {
    const tokens = (!afresh && path.getAttribute("d").match(/[ML][^ML]*/g)) || [];
    let at = tokens.length ? +/-?\d+/.exec(tokens[tokens.length - 1])[0] : 0;
    let i = flat.length % 2;
    if (i) tokens.splice(0, flat[0]);
    if (tokens[0]?.[0] === "L") tokens[0] = `M${tokens[0].slice(1)}h0`;
    for (; i < flat.length; i += 2) {
      at += flat[i];
      const value = flat[i + 1];
      const last = tokens[tokens.length - 1];
      if (value === null) tokens.push(`M${at} 0`);
      else if (last && /L|h0/.test(last)) tokens.push(`L${at} ${0 - value}`);
      else tokens.push(`M${at} ${0 - value}h0`);
    }
    path.setAttribute("d", tokens.join(""));
  };

  const ends = new WeakMap();
  const flash = () => {
    const lit = new Set();
    for (const el of touched) lit.add(el.closest("[data-f]"));
    touched = new Set();
    if (calm.matches) return;
    for (const el of lit) {
      if (!el) continue;
      clearTimeout(ends.get(el));
      el.classList.add("flash");
      ends.set(el, later(1000, () => el.classList.remove("flash")));
    }
  };

  // ---- frames
  let root = main.querySelector("[data-n]");
  let [epoch, seq] = [own.epoch, +own.seq];
  let astray = false; // a frame did not fit, and none has since
  const take = (frame) => {
    if (frame === 0) return;
    const focus = document.activeElement;
    const whole = !Array.isArray(frame);
    const to = whole ? frame.r : frame[1].r;
    if (!whole && !(frame[0] > seq)) throw 0;
    if (!to) change(root, frame[1]);
    else if (fits(root, to)) fill(root, to);
    else {
      const old = root;
      old.replaceWith((root = build(to)));
    }
    if (whole) [epoch, seq] = [frame.e, frame.s];
    else seq = frame[0];
    astray = false;
    if (focus !== document.activeElement && focus?.isConnected)
      focus.focus({ preventScroll: true });
    glide();
    flash();
  };

  // ---- the connection
  let socket, retry;
  let over = false;
  let cut = false; // the connection broke, and no frame came on a new one
  let heard = clock();
  let tries = 0;
  let lostAt = 0;
  const judge = () => {
    if (over) return;
    const lost = cut || clock() - heard > 2500 || root.dataset.source === "lost";
    const was = page.dataset.conn;
    if (lost && was !== "lost") lostAt = clock();
    if (!lost && was === "lost" && clock() - lostAt < 1500) return;
    const is = lost ? "lost" : socket?.spoke ? "live" : was;
    if (is === was || !is) return;
    page.dataset.conn = is;
    if (banner?.dataset.text) banner.textContent = lost ? banner.dataset.text : "";
  };
  const open = () => {
    clearTimeout(retry);
    const url = new URL("/live", location);
    url.protocol = url.protocol.replace("http", "ws");
    const asks = { topic: own.topic, v: own.version, lang: own.lang };
    if (epoch) Object.assign(asks, { e: epoch, s: seq });
    url.search = new URLSearchParams(asks);
    const mine = (socket = new WebSocket(url));
    mine.since = clock();
    mine.onmessage = (message) => {
      if (mine !== socket) return;
      try {
        take(JSON.parse(message.data));
      } catch {
        return drop(4009);
      }
      heard = clock();
      mine.spoke = true;
      cut = false;
      tries = 0;
      judge();
    };
    mine.onclose = (event) => mine === socket && drop(event.code, event.reason);
  };
  // Leaves the socket for the reason `code`, and says when to try again.
  const drop = (code, reason) => {
    const old = socket;
    socket = undefined;
    old.close();
    cut = true;
    judge();
    if (code === 4001) return leave(() => location.assign("/login"));
    if (code === 4003) return leave(() => closed(reason));
    const soon = Math.random();
    const anew = () => later(clock() < 5000 ? 5000 : soon * 1000, () => location.reload());
    if (code === 4010) return anew();
    if (code === 4009) {
      // From the server it has a reason, and says that this view has another shape now: neither
      // these values nor these templates are of it. Found here, the whole tree puts it right, once.
      if (reason || astray) return leave(anew);
      astray = true;
      epoch = undefined;
    }
    if (code === 1013) tries = Math.max(tries, 3);
    if (tries % 4 === 2) probe();
    const wait = Math.min(5000, 250 * 2 ** tries++) * (0.5 + soon / 2);
    retry = later((code === 1001 || code === 1012) && tries < 2 ? soon * 2000 : wait, open);
  };
  // A refused upgrade does not tell the script why; asking for the page itself does.
  const probe = async () => {
    const answer = await fetch(location.href, { redirect: "manual", cache: "no-store" }).catch(
      () => ({ status: 503 }),
    );
    if ([0, 401, 403, 404].includes(answer.status)) leave(() => location.reload());
  };
  const leave = (then) => {
    over = true;
    clearTimeout(retry);
    page.dataset.conn = "closed";
    main.replaceChildren();
    if (banner?.dataset.text) banner.textContent = "";
    then();
  };
  const closing = document.getElementById("closed");
  const closed = (reason) => {
    document.title = closing?.dataset.title ?? "";
    if (!closing) return;
    main.append(closing);
    Object.assign(closing, { hidden: false, tabIndex: -1 }).dataset.reason = reason;
    closing.focus();
  };
  const watch = () => {
    judge();
    if (socket && clock() - Math.max(heard, socket.since) > 5000) drop(1006);
  };

  ripen();
  open();
  setInterval(() => over || ripen(), 1000);
  setInterval(() => over || watch(), 250);
  document.addEventListener("visibilitychange", () => over || (ripen(), watch()));
  window.addEventListener("online", () => over || socket || open());
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
})();
