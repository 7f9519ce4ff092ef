// The market panel: which instrument and resolution is shown, its bars by REST, and the live ones by socket.

import { CandleChart } from './chart.js';
import { announce, byId, el, fill, say } from './dom.js';
import { barTime, decimalsOf, percent, price, resolutionName, secondsOf, volume } from './format.js';
import { SymbolPicker, symbolOf } from './symbol-picker.js';

const PAGE = 300;
const MARKS = 100;
const CHOICE = 'signalbox.market';
const FIRST_CHOICE = { symbol: 'IBM', resolution: '1D' };

export class MarketPanel {
  #session;
  #socket;
  #onChoice;
  #chart;
  #picker;
  #instrument = null;
  #resolution = FIRST_CHOICE.resolution;
  #subscription = null;
  #topic = '';
  #signals = new Map(); // those of the shown instrument and resolution, by id
  #load = 0;
  #choosing = 0;
  #early = null; // live bars that came while the history was on its way
  #older = 'unknown'; // 'asking' and 'none' both stop further requests
  #drawn = ''; // the series that the chart holds
  #sought = null; // the time (ms) of a bar that is to be shown once it is there

  /** `onChoice({symbol, resolution})` is told what is shown. */
  constructor({ session, socket, onChoice }) {
    this.#session = session;
    this.#socket = socket;
    this.#onChoice = onChoice;
    this.#chart = new CandleChart(byId('chart'), {
      onCursor: (index, byKeyboard) => this.#read(index, byKeyboard),
      onNeedOlder: () => this.#loadOlder(),
    });
    this.#picker = new SymbolPicker({
      search: (text) => session.get('datafeed/search', { user_input: text }),
      onPick: (symbol) => this.#choose(symbol, this.#resolution),
    });
    socket.on('bars.update', (message) => this.#take(message));
  }

  /** Shows what was looked at last, else the first choice, else whatever there is. */
  async open() {
    const { symbol, resolution } = { ...FIRST_CHOICE, ...JSON.parse(sessionStorage.getItem(CHOICE) ?? '{}') };
    if (await this.#choose(symbol, resolution, { isQuiet: true })) return;
    const [first] = await this.#session.get('datafeed/search', { user_input: '' }).catch(() => []);
    if (first) await this.#choose(symbolOf(first), resolution);
    else say(byId('market-problem'), 'No instrument can be shown at the moment.');
  }

  close() {
    this.#load += 1;
    this.#choosing += 1;
    this.#subscription?.cancel();
    this.#subscription = null;
    this.#instrument = null;
    this.#signals.clear();
    this.#drawn = '';
    this.#sought = null;
    this.#chart.show([], this.#style());
  }

  /** Marks signals on the chart where they belong to what is shown. */
  showSignals(signals) {
    const { symbol, resolution } = this.#choice();
    const ours = signals.filter((signal) => signal.symbol === symbol && signal.resolution === resolution);
    for (const signal of ours) this.#signals.set(signal.id, { ...signal, time: Date.parse(signal.bar_time) });
    this.#chart.setMarks([...this.#signals.values()]);
  }

  /** Shows the bar on which `signal` was raised, on its own chart. */
  async lookAt({ symbol, resolution, bar_time: time }) {
    const choice = this.#choice();
    byId('chart').scrollIntoView({ block: 'nearest' });
    byId('chart').focus({ preventScroll: true });
    this.#sought = Date.parse(time);
    if (symbol !== choice.symbol || resolution !== choice.resolution) await this.#choose(symbol, resolution);
    else await this.#seek();
  }

  // Tried after each page of bars, until the bar is among them or there are no older ones.
  async #seek() {
    const time = this.#sought;
    if (time === null || this.#drawn !== this.#series()) return;
    if (this.#chart.lookAt(time) || this.#older !== 'unknown' || time > this.#chart.bars[0].time) this.#sought = null;
    else await this.#loadOlder();
  }

  // The newest signals of all may be of other instruments; the chart wants its own, further back.
  async #loadSignals() {
    this.#signals.clear();
    const answer = await this.#session.get('signals', { ...this.#choice(), size: MARKS }).catch(() => null);
    if (answer) this.showSignals(answer.results);
  }

  #choice() {
    return { symbol: this.#instrument?.ticker || this.#instrument?.name, resolution: this.#resolution };
  }

  #series() {
    return JSON.stringify(this.#choice());
  }

  /** Where the bars shown come from: an instrument may have one provider by day and another by minute. */
  #source() {
    return { ...this.#instrument, ...this.#instrument?.sources?.[this.#resolution] };
  }

  #style() {
    return {
      decimals: decimalsOf(this.#instrument?.pricescale),
      timezone: this.#source().timezone || 'UTC',
      resolution: this.#resolution,
    };
  }

  async #choose(symbol, resolution, { isQuiet = false } = {}) {
    const choosing = (this.#choosing += 1);
    try {
      const instrument = await this.#session.get(`datafeed/resolve/${encodeURIComponent(symbol)}`);
      if (choosing !== this.#choosing) return true;
      this.#instrument = instrument;
    } catch (error) {
      if (!isQuiet || error.status !== 404) say(byId('market-problem'), error.message);
      return error.status !== 404;
    }
    const served = this.#instrument.supported_resolutions ?? [];
    this.#resolution = served.includes(resolution) || !served.length ? resolution : served.at(-1);
    this.#picker.current = this.#choice().symbol;
    sessionStorage.setItem(CHOICE, JSON.stringify(this.#choice()));
    this.#showChoice(served);
    this.#onChoice(this.#choice());
    this.#follow();
    await Promise.all([this.#loadBars(), this.#loadSignals()]);
    return true;
  }

  #showChoice(served) {
    byId('resolutions').replaceChildren(...served.map((resolution) => el('button', {
      type: 'button',
      'aria-pressed': String(resolution === this.#resolution),
      on: { click: () => this.#chooseResolution(resolution) },
    }, resolutionName(resolution))));
    const { description, exchange } = this.#instrument;
    byId('instrument-about').textContent = [description, exchange].filter(Boolean).join(' · ');
    this.#showSource(this.#source());
  }

  async #chooseResolution(resolution) {
    await this.#choose(this.#choice().symbol, resolution);
    byId('resolutions').querySelector('[aria-pressed=true]')?.focus();
  }

  #showSource({ provider, provider_label: label, is_simulated: isSimulated, attribution }) {
    const chip = byId('source');
    chip.title = attribution ?? '';
    say(chip, label || (isSimulated ? 'Simulated' : provider) || '');
    chip.classList.toggle('simulated', Boolean(isSimulated));
  }

  #follow() {
    this.#subscription?.cancel();
    const { symbol, resolution } = this.#choice();
    this.#topic = `bars:${JSON.stringify({ resolution, symbol })}`;
    this.#subscription = this.#socket.subscribe('bars.subscribe', { symbol, resolution }, {
      onAnswer: ({ topic }) => {
        this.#topic = topic ?? this.#topic;
        // The history was read before the stream began, or the stream was interrupted.
        this.#loadBars({ isAgain: true });
      },
      onError: (error) => say(byId('market-problem'), `No live bars: ${error.message}`),
    });
  }

  async #loadBars({ isAgain = false } = {}) {
    const load = (this.#load += 1);
    const isSame = isAgain && this.#chart.bars.length > 0 && this.#drawn === this.#series();
    const soon = Math.ceil(Date.now() / 1000) + secondsOf(this.#resolution);
    this.#early = [];
    byId('chart').setAttribute('aria-busy', 'true');
    try {
      const answer = await this.#page(soon);
      if (load !== this.#load) return;
      if (isSame) this.#chart.merge(answer.bars);
      else this.#chart.show(answer.bars, this.#style());
      for (const bar of this.#early) this.#chart.update(bar);
      this.#early = null;
      this.#loaded(answer);
    } catch (error) {
      if (load === this.#load) say(byId('market-problem'), error.message);
    } finally {
      byId('chart').removeAttribute('aria-busy');
    }
  }

  #loaded(answer) {
    this.#older = this.#chart.bars.length ? 'unknown' : 'none';
    this.#drawn = this.#series();
    this.#seek();
    say(byId('market-problem'));
    say(byId('chart-empty'), this.#chart.bars.length ? '' : 'No bars yet. The first one is drawn as it arrives.');
  }

  #page(toTime) {
    const { symbol, resolution } = this.#choice();
    return this.#session.get('datafeed/bars', {
      symbol, resolution, from_time: toTime - PAGE * secondsOf(resolution), to_time: toTime, count_back: PAGE,
    });
  }

  async #loadOlder() {
    if (this.#older !== 'unknown' || !this.#chart.bars.length) return;
    this.#older = 'asking';
    const load = this.#load;
    const answer = await this.#page(Math.floor(this.#chart.bars[0].time / 1000)).catch(() => null);
    if (load !== this.#load) return;
    const added = answer ? this.#chart.prepend(answer.bars) : 0;
    this.#older = added ? 'unknown' : 'none';
    await this.#seek();
  }

  #take({ payload, topic }) {
    if (!this.#instrument || (payload?.topic ?? topic) !== this.#topic) return;
    const bar = payload.payload ?? payload;
    const reach = 1.5 * 1000 * secondsOf(this.#resolution);
    // Whoever fell behind is sent the newest bar alone: what may lie between is read anew.
    const isAhead = !this.#early && bar.time - (this.#chart.bars.at(-1)?.time ?? bar.time) > reach;
    this.#early?.push(bar);
    if (this.#drawn !== this.#series()) return; // its history is still on its way, and another one is on the chart
    this.#chart.update(bar);
    if (isAhead) this.#loadBars({ isAgain: true });
    say(byId('chart-empty'));
  }

  /** The line above the chart: the bar under the crosshair, else the newest. */
  #read(index, byKeyboard) {
    const bars = this.#chart?.bars ?? [];
    const at = index ?? bars.length - 1;
    const bar = bars[at];
    this.#showQuote(bars);
    if (!bar) return byId('readout').replaceChildren();
    const { decimals, ...zone } = this.#style();
    const figures = [['O', bar.open], ['H', bar.high], ['L', bar.low], ['C', bar.close]];
    const tone = bar.close >= bar.open ? 'up' : 'down';
    const told = this.#chart.signalsAt(at).map(({ side, formula_name: name }) => [side === 'buy' ? '▲ Buy' : '▼ Sell', name].filter(Boolean).join(': '));
    const before = bars[at - 1];
    const change = before && bar.close / before.close - 1;
    fill(
      byId('readout'),
      el('span', { class: 'readout-time' }, barTime(bar.time, zone)),
      ...figures.map(([name, figure]) => el('span', {}, el('i', {}, name), el('b', { class: tone }, price(figure, decimals)))),
      before && el('b', { class: change < 0 ? 'down' : 'up', title: 'Change of the close from bar to bar' }, percent(change)),
      el('span', {}, el('i', {}, 'Vol'), el('b', {}, volume(bar.volume))),
      ...[...new Set(told)].map((words) => el('span', { class: 'readout-signal' }, words)),
    );
    if (byKeyboard) announce(byId('readout').innerText.replaceAll('\n', ' '));
    return undefined;
  }

  #showQuote(bars) {
    const [before, bar] = bars.slice(-2).length === 2 ? bars.slice(-2) : [null, bars.at(-1)];
    if (!bar) return byId('quote').replaceChildren();
    const change = before ? bar.close / before.close - 1 : 0;
    const { decimals } = this.#style();
    byId('quote').replaceChildren(
      el('b', {}, price(bar.close, decimals)),
      el('span', { class: change < 0 ? 'down' : 'up' }, percent(change)),
    );
    const { symbol, resolution } = this.#choice();
    byId('chart').setAttribute('aria-label', `Candlestick chart of ${symbol}, ${resolutionName(resolution)} bars, `
      + `last close ${price(bar.close, decimals)}`);
    return undefined;
  }
}
