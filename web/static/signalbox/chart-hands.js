// What pointer, wheel, fingers and keys do to a chart, and the buttons that do the same.

import { el } from './dom.js';

const CLOSER = 1.25;

/** Lets people move `chart`, which is drawn on `canvas`. Answers a function that is told `{hasBars, isAway}` after each drawing. */
export function followHands(canvas, chart) {
  const pointers = new Pointers(canvas, chart);
  for (const name of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel']) {
    canvas.addEventListener(name, (event) => pointers[name](event));
  }
  // A finger that is lifted leaves the crosshair where it was.
  canvas.addEventListener('pointerleave', ({ pointerType }) => pointerType !== 'touch' && chart.leave());
  canvas.addEventListener('blur', () => chart.leave());
  canvas.addEventListener('dblclick', () => chart.toNewest());
  canvas.addEventListener('wheel', (event) => wheeled(event, canvas, chart), { passive: false });
  canvas.addEventListener('keydown', (event) => pressed(event, chart));
  return tools(canvas, chart);
}

/** One pointer draws the chart along; two pull it wider or narrower. */
class Pointers {
  #canvas;
  #chart;
  #down = new Map(); // pointer id → where it is

  constructor(canvas, chart) {
    this.#canvas = canvas;
    this.#chart = chart;
  }

  pointerdown(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#down.set(event.pointerId, event.offsetX);
    if (this.#down.size < 2) this.#chart.pointAt(event.offsetX, event.offsetY);
  }

  pointermove({ pointerId, offsetX, offsetY }) {
    const before = this.#down.get(pointerId);
    if (before !== undefined) this.#pulled(pointerId, before, offsetX);
    if (this.#down.size < 2) this.#chart.pointAt(offsetX, offsetY);
  }

  pointerup({ pointerId }) {
    this.#down.delete(pointerId);
  }

  pointercancel({ pointerId }) {
    this.#down.delete(pointerId);
  }

  #pulled(id, before, now) {
    this.#down.set(id, now);
    const other = [...this.#down].find(([one]) => one !== id)?.[1];
    if (other === undefined) this.#chart.dragBy(now - before);
    else this.#chart.zoom(Math.max(20, Math.abs(now - other)) / Math.max(20, Math.abs(before - other)), (now + other) / 2);
  }
}

// The page scrolls as everywhere else; only a pinch, a modifier or a sideways move is meant for the chart.
function wheeled(event, canvas, chart) {
  if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    chart.dragBy(-event.deltaX);
  } else if (event.ctrlKey || event.shiftKey || document.activeElement === canvas) {
    event.preventDefault();
    chart.zoom(Math.exp(-event.deltaY / 500), event.offsetX);
  }
}

function pressed(event, chart) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const actions = {
    ArrowLeft: () => chart.stepBy(-1), ArrowRight: () => chart.stepBy(1), PageUp: () => chart.stepBy(-20), PageDown: () => chart.stepBy(20),
    End: () => { chart.toNewest(); chart.stepBy(Infinity); },
    '+': () => chart.zoom(CLOSER), '=': () => chart.zoom(CLOSER), '-': () => chart.zoom(1 / CLOSER), Escape: () => chart.leave(),
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

function tools(canvas, chart) {
  const button = (sign, words, press) => el('button', {
    type: 'button', title: words, 'aria-label': words, on: { click: press },
  }, sign);
  const newest = button('»', 'Newest bar', () => chart.toNewest());
  const bar = el('div', { class: 'chart-tools', role: 'group', 'aria-label': 'Chart', hidden: true },
    button('−', 'Zoom out', () => chart.zoom(1 / CLOSER)), button('+', 'Zoom in', () => chart.zoom(CLOSER)), newest);
  canvas.after(bar);
  return ({ hasBars, isAway }) => {
    bar.hidden = !hasBars;
    newest.disabled = !isAway;
  };
}
