// The chart beside the editor: recorded bars of one instrument, with what the code says on them as it is written.

import { CandleChart } from '../chart.js';
import { byId, el, say } from '../dom.js';
import { barTime, decimalsOf, price, resolutionName, secondsOf, value } from '../format.js';
import { SymbolPicker, symbolOf } from '../symbol-picker.js';

const BARS = 400;
const FIRST_CHOICE = { symbol: 'IBM', resolution: '1D' };
const TONES = 4;

export class StudioChart {
  node;
  #session;
  #onAim;
  #chart;
  #picker;
  #instrument = null;
  #resolution = FIRST_CHOICE.resolution;
  #code = '';
  #problem = el('p', { class: 'problem', role: 'alert', hidden: true });
  #about = el('p', { class: 'aside', role: 'status' });
  #readout = el('p', { class: 'readout' });
  #legend = el('ul', { class: 'legend', 'aria-label': 'Lines' });
  #resolutions = el('div', { class: 'resolutions', role: 'group', 'aria-label': 'Resolution' });
  #canvas = el('canvas', { id: 'write-chart', tabindex: '0', role: 'img', 'aria-label': 'Price chart', 'aria-describedby': 'chart-hint' });
  #asked = 0;
  #through = Infinity; // the newest bar (ms) that the code was read on; the one after it is still forming
  #isOpen = false;

  /** `onAim({symbol, resolution})` is told what is shown. `start()` is to be called once `node` is on the page. */
  constructor({ session, onAim }) {
    this.#session = session;
    this.#onAim = onAim;
    this.node = el('section', { class: 'card market', 'aria-labelledby': 'write-market-title' },
      el('div', { class: 'market-head' },
        el('h2', { class: 'unseen', id: 'write-market-title' }, 'On the chart'),
        el('div', { class: 'picker' },
          el('label', { class: 'unseen', for: 'write-symbol' }, 'Instrument'),
          el('input', {
            id: 'write-symbol', class: 'symbol-input', role: 'combobox', autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false',
            'aria-expanded': 'false', 'aria-controls': 'write-symbol-list', 'aria-autocomplete': 'list', maxlength: 64,
          }),
          el('ul', { class: 'symbol-list', id: 'write-symbol-list', role: 'listbox', 'aria-label': 'Instruments', hidden: true })),
        this.#resolutions),
      this.#problem,
      el('div', { class: 'chart' }, this.#readout, this.#canvas),
      el('div', { class: 'legend-frame' }, this.#legend, this.#about));
  }

  start() {
    this.#chart = new CandleChart(this.#canvas, { onCursor: (index) => this.#read(index) });
    this.#picker = new SymbolPicker({
      id: 'write-symbol',
      search: (text) => this.#session.get('datafeed/search', { user_input: text }),
      onPick: (symbol) => this.#choose(symbol, this.#resolution),
    });
  }

  /** Shows what it showed before, else the first choice, else whatever there is. */
  async open() {
    this.#isOpen = true;
    if (this.#instrument) return this.#choose(this.#symbol(), this.#resolution);
    if (await this.#choose(FIRST_CHOICE.symbol, FIRST_CHOICE.resolution)) return undefined;
    const [first] = await this.#session.get('datafeed/search', { user_input: '' }).catch(() => []);
    return first && this.#choose(symbolOf(first), FIRST_CHOICE.resolution);
  }

  /** Asks for nothing more until it is opened again. */
  close() {
    this.#isOpen = false;
    this.#asked += 1;
  }

  /** Draws what `code` says; an empty text draws nothing. */
  async draw(code) {
    this.#code = code;
    const asked = (this.#asked += 1);
    if (!this.#isOpen || !this.#instrument) return undefined;
    if (!code) return this.#show(null);
    try {
      const said = await this.#session.post('formulas/preview', {
        formula_code: code, symbol: this.#symbol(), resolution: this.#resolution, bars: BARS,
      });
      if (asked === this.#asked) this.#show(said);
    } catch (error) {
      if (error.status === undefined) throw error;
      if (asked === this.#asked) say(this.#about, error.message);
    }
    return undefined;
  }

  #symbol() {
    return this.#instrument.ticker || this.#instrument.name;
  }

  async #choose(symbol, resolution) {
    try {
      this.#instrument = await this.#session.get(`datafeed/resolve/${encodeURIComponent(symbol)}`);
    } catch (error) {
      if (error.status !== 404) say(this.#problem, error.message);
      return false;
    }
    if (!this.#isOpen) return true;
    const served = this.#instrument.supported_resolutions ?? [];
    this.#resolution = served.includes(resolution) || !served.length ? resolution : served.at(-1);
    this.#picker.current = this.#symbol();
    this.#resolutions.replaceChildren(...served.map((one) => el('button', {
      type: 'button', 'aria-pressed': String(one === this.#resolution), on: { click: () => this.#choose(this.#symbol(), one) },
    }, resolutionName(one))));
    this.#onAim({ symbol: this.#symbol(), resolution: this.#resolution });
    await this.#load();
    return true;
  }

  async #load() {
    const soon = Math.ceil(Date.now() / 1000) + secondsOf(this.#resolution);
    const wanted = { symbol: this.#symbol(), resolution: this.#resolution };
    try {
      const { bars } = await this.#session.get('datafeed/bars', {
        ...wanted, from_time: soon - BARS * secondsOf(this.#resolution), to_time: soon, count_back: BARS,
      });
      if (!this.#isOpen || wanted.symbol !== this.#symbol() || wanted.resolution !== this.#resolution) return;
      say(this.#problem);
      this.#chart.show(bars, this.#style());
      await this.draw(this.#code);
    } catch (error) {
      if (error.status === undefined) throw error;
      say(this.#problem, error.message);
    }
  }

  #style() {
    const source = { ...this.#instrument, ...this.#instrument.sources?.[this.#resolution] };
    return { decimals: decimalsOf(this.#instrument.pricescale), timezone: source.timezone || 'UTC', resolution: this.#resolution };
  }

  #show(said) {
    const times = (said?.bar_times ?? []).map((iso) => Date.parse(iso));
    const lines = (said?.lines ?? []).map(({ name, values }) => ({ name, values: new Map(times.map((time, at) => [time, values[at]])) }));
    this.#through = times.at(-1) ?? Infinity;
    this.#chart.setLines(lines);
    this.#chart.setMarks((said?.signals ?? []).map((signal) => ({ ...signal, time: Date.parse(signal.bar_time) })));
    this.#legend.replaceChildren(...lines.map(({ name }, place) => el('li', {},
      el('i', { class: swatch(place) }), el('code', {}, name))));
    say(this.#about, said ? summary(said) : '');
    this.#canvas.setAttribute('aria-label', `Candlestick chart of ${this.#symbol()}, ${resolutionName(this.#resolution)} bars. ${said ? summary(said) : ''}`);
    this.#read(null);
  }

  #read(index) {
    const bars = this.#chart?.bars ?? [];
    const at = index ?? bars.findLastIndex(({ time }) => time <= this.#through);
    const bar = bars[at];
    if (!bar) return this.#readout.replaceChildren();
    const { decimals, ...zone } = this.#style();
    const told = this.#chart.signalsAt(at);
    this.#readout.replaceChildren(
      el('span', { class: 'readout-time' }, barTime(bar.time, zone)),
      el('span', {}, el('i', {}, 'C'), el('b', {}, price(bar.close, decimals))),
      ...this.#chart.linesAt(at).map((line, place) => el('span', {},
        el('i', { class: swatch(place) }), el('i', {}, line.name), el('b', {}, line.isBelow ? value(line.value) : price(line.value ?? NaN, decimals)))),
      ...told.map(({ action }) => el('span', { class: 'readout-signal' }, action)));
    return undefined;
  }
}

const swatch = (place) => `swatch series-${(place % TONES) + 1}${place < TONES ? '' : ' dashed'}`;

function summary({ signals, bar_times: times, warmup_bars: warmup }) {
  const buys = signals.filter(({ side }) => side === 'buy').length;
  if (!times.length) return 'No closed bars yet.';
  return `${buys} buy and ${signals.length - buys} sell signals on ${times.length} closed bars${warmup ? `, after a warm-up of ${warmup}` : ''}. Simulated.`;
}
