// Help while a formula is written: words that begin as what is typed, and all of them to look through.

import { el } from '../dom.js';

const SOURCE = new URL('language.json', import.meta.url); // made from the engine's own registry
const SUGGESTED = 5;
const LETTERS = 2; // typed before anything is suggested
const ACTIONS = [
  ['buy', 'buy(size=1)', 'go long with this share of equity'], ['sell', 'sell()', 'end a long position'],
  ['short', 'short(size=1)', 'go short with this share of equity'], ['cover', 'cover()', 'end a short position'],
  ['close', 'close()', 'end whatever position there is'], ['stop_loss', 'stop_loss(pct=2)', 'leave at a loss'],
  ['take_profit', 'take_profit(pct=6)', 'leave with a profit'], ['trail', 'trail(pct=3)', 'leave when it falls back from its best price'],
  ['alert', 'alert(1)', 'tell the subscribers a number; no order'],
].map(([name, signature, definition]) => ({ name, signature, definition }));

// By which words people look for what has a short name.
const ALSO = {
  sma: 'simple moving average', ema: 'exponential moving average', rma: 'Wilder moving average', wma: 'weighted moving average',
  hma: 'Hull moving average', vwma: 'volume weighted moving average', vwap: 'volume weighted average price', rsi: 'relative strength index',
  atr: 'average true range', natr: 'average true range', tr: 'true range', stdev: 'standard deviation', bb: 'Bollinger bands',
  bbw: 'Bollinger width', kc: 'Keltner channel', macd: 'moving average convergence divergence', stoch: 'stochastic', cci: 'commodity channel index',
  mfi: 'money flow index', dmi: 'directional movement', adx: 'average directional index', obv: 'on balance volume', roc: 'rate of change',
  mom: 'momentum', wpr: 'Williams percent range', cmf: 'Chaikin money flow', sar: 'parabolic stop and reverse',
};

export class LanguageHelp {
  node;
  #code;
  #words = null;
  #offers = el('div', { class: 'offers', role: 'group', 'aria-label': 'Suggestions', hidden: true });
  #list = el('ul', { class: 'language' });

  /** Helps with the textarea `code`: suggestions stand below it, the list of all words is `node`. */
  constructor(code) {
    this.#code = code;
    const search = el('input', { type: 'search', 'aria-label': 'Search functions', placeholder: 'Search: average, rsi, highest…' });
    search.addEventListener('input', () => this.#showList(search.value));
    // Enter would send the form that this stands in.
    search.addEventListener('keydown', (event) => event.key === 'Enter' && event.preventDefault());
    this.node = el('details', { class: 'more' }, el('summary', {}, 'Functions and actions'), search, this.#list);
    this.node.addEventListener('toggle', () => this.node.open && this.#showList(search.value));
    code.closest('.code').after(this.#offers);
    code.addEventListener('input', () => this.#suggest());
    code.addEventListener('keydown', (event) => this.#pressed(event));
    code.addEventListener('blur', () => { this.#offers.hidden = true; });
  }

  async #learn() {
    if (this.#words) return this.#words;
    const answer = await fetch(SOURCE);
    this.#words = [...(answer.ok ? await answer.json() : []), ...ACTIONS];
    return this.#words;
  }

  // What is being typed: letters up to the cursor, which stands at their end.
  #typed() {
    const { value, selectionStart: at, selectionEnd: end } = this.#code;
    if (at !== end || /\w/.test(value[at] ?? '')) return '';
    return /(?:^|[^\w.])([a-z]\w*)$/i.exec(value.slice(0, at))?.[1] ?? '';
  }

  async #suggest() {
    this.#offers.hidden = true;
    if (this.#typed().length < LETTERS) return;
    const words = await this.#learn();
    const typed = this.#typed().toLowerCase();
    const fits = typed.length < LETTERS ? [] : words.filter(({ name }) => name.startsWith(typed) && name !== typed).slice(0, SUGGESTED);
    this.#offers.replaceChildren(...fits.map((word) => this.#offer(word)));
    this.#offers.hidden = fits.length === 0;
  }

  #offer(word) {
    // Pressed before the field loses the focus, and never a stop for the Tab key, which takes the first.
    const take = (event) => { event.preventDefault(); this.#take(word); };
    return el('button', { type: 'button', class: 'small', tabindex: '-1', title: word.definition, on: { mousedown: take } }, word.signature);
  }

  #pressed(event) {
    if (this.#offers.hidden || event.isComposing) return;
    if (event.key === 'Escape') this.#offers.hidden = true;
    if (event.key !== 'Tab' || event.shiftKey) return;
    const name = this.#offers.firstChild.textContent;
    event.preventDefault();
    this.#take(this.#words.find(({ signature }) => signature === name));
  }

  #take(word) {
    const at = this.#code.selectionStart;
    this.#code.setSelectionRange(at - this.#typed().length, at);
    this.#insert(word);
  }

  // Typed rather than set, so that it can be undone.
  #insert({ name, signature }) {
    this.#code.focus();
    document.execCommand('insertText', false, signature.includes('(') ? `${name}(` : name);
    this.#offers.hidden = true;
  }

  async #showList(sought) {
    const wanted = sought.trim().toLowerCase();
    const words = await this.#learn();
    const fits = words.filter(({ name, signature, definition }) => (
      `${signature} ${definition} ${ALSO[name] ?? ''}`.toLowerCase().includes(wanted)));
    this.#list.replaceChildren(...fits.map((word) => el('li', {},
      el('button', { type: 'button', class: 'link', 'aria-label': `Insert ${word.name}`, on: { click: () => this.#insert(word) } }, word.signature),
      el('span', { class: 'aside' }, [ALSO[word.name], word.definition].filter(Boolean).join(': ')))));
    if (!fits.length) this.#list.replaceChildren(el('li', { class: 'aside' }, 'Nothing is called or described like that.'));
  }
}
