// A field for formula code: line numbers, marks under what is wrong, and the compiler's verdict while one types.

import { el } from '../dom.js';
import { sentence, showErrors } from '../form-errors.js';

const CHECK_AFTER = 350;
const INDENT = '    ';

/** The parts of such a field, for a form that is built by script. */
export function codeParts(id, label) {
  return el('div', { class: 'field' },
    el('label', { for: id }, label),
    el('div', { class: 'code' },
      el('div', { class: 'code-lines', 'aria-hidden': 'true' }),
      el('textarea', {
        id, name: 'formula_code', rows: 12, wrap: 'off', spellcheck: 'false', autocapitalize: 'none', autocomplete: 'off',
        'aria-describedby': `${id}-verdict`, required: true,
      })),
    el('div', { class: 'verdict', id: `${id}-verdict`, role: 'status' }));
}

export class CodeField {
  #session;
  #code;
  #lines;
  #marks = el('pre', { class: 'code-marks', 'aria-hidden': 'true' });
  #verdict;
  #onVerdict;
  #timer = null;
  #asked = 0;
  #errors = [];

  /** `field` holds `.code` and `.verdict`; `onVerdict(verdict|null)` is told what the compiler says of the text as it is. */
  constructor({ session, field, onVerdict = () => {} }) {
    this.#session = session;
    this.#code = field.querySelector('textarea');
    this.#lines = field.querySelector('.code-lines');
    this.#verdict = field.querySelector('.verdict');
    this.#onVerdict = onVerdict;
    const desk = el('div', { class: 'code-desk' }, this.#marks);
    this.#code.replaceWith(desk);
    desk.append(this.#code);
    this.#code.addEventListener('input', () => this.#edited());
    this.#code.addEventListener('scroll', () => this.#follow());
    this.#code.addEventListener('keydown', (event) => this.#pressed(event));
    this.#draw();
  }

  get value() {
    return this.#code.value;
  }

  /** Sets the text without checking it. */
  set value(text) {
    this.forget();
    this.#code.value = text;
    this.#show(null);
  }

  focus() {
    this.#code.focus();
  }

  /** Drops a check that is on its way. */
  forget() {
    this.#asked += 1;
    clearTimeout(this.#timer);
  }

  /** Asks the compiler now. */
  async check() {
    this.forget();
    const asked = this.#asked;
    if (!this.#code.value.trim()) return this.#show(null);
    try {
      const verdict = await this.#session.post('formulas/validate', { formula_code: this.#code.value });
      if (asked === this.#asked) this.#show(verdict);
    } catch (error) {
      if (asked === this.#asked) this.#show({ valid: false, errors: complaintsOf(error) });
    }
    return undefined;
  }

  /** Shows what the server refused of the code. */
  refuse(error) {
    this.forget();
    this.#show({ valid: false, errors: complaintsOf(error) });
  }

  #edited() {
    // A verdict that is on its way is about another text.
    this.forget();
    this.#errors = [];
    this.#draw();
    this.#timer = setTimeout(() => this.check(), CHECK_AFTER);
  }

  // A new line begins where the last one did, and further in after a colon.
  #pressed(event) {
    if (event.key !== 'Enter' || event.ctrlKey || event.metaKey || event.shiftKey || event.isComposing) return;
    const before = this.#code.value.slice(0, this.#code.selectionStart).split('\n').at(-1);
    const indent = /^ */.exec(before)[0] + (/:\s*$/.test(before) ? INDENT : '');
    if (!indent) return;
    event.preventDefault();
    // Typed rather than set, so that it can be undone.
    document.execCommand('insertText', false, `\n${indent}`);
  }

  #draw() {
    const rows = this.#code.value.split('\n');
    const wrong = new Set(this.#errors.map(({ line }) => line));
    this.#lines.replaceChildren(...rows.map((_, index) => (
      el('span', { class: wrong.has(index + 1) ? 'wrong' : null }, String(index + 1)))));
    this.#marks.replaceChildren(...rows.flatMap((row, index) => [...this.#marked(row, index + 1), '\n']));
    this.#follow();
  }

  #marked(row, number) {
    const places = this.#errors.filter(({ line }) => line === number).map(({ column = 1 }) => Math.max(0, column - 1));
    const parts = [];
    let from = 0;
    for (const start of [...new Set(places)].sort((a, b) => a - b)) {
      const at = Math.min(start, Math.max(0, row.length - 1));
      if (at < from) continue;
      const length = /^(\w+|\s*\S)/.exec(row.slice(at))?.[0].length ?? 1;
      parts.push(row.slice(from, at), el('mark', {}, row.slice(at, at + length) || ' '));
      from = at + length;
    }
    return [...parts, row.slice(from)];
  }

  #follow() {
    this.#lines.scrollTop = this.#code.scrollTop;
    this.#marks.scrollTop = this.#code.scrollTop;
    this.#marks.scrollLeft = this.#code.scrollLeft;
  }

  #show(verdict) {
    this.#errors = (verdict?.valid === false ? verdict.errors ?? [] : []);
    this.#draw();
    this.#verdict.classList.toggle('good', verdict?.valid === true);
    this.#code.setAttribute('aria-invalid', String(this.#errors.length > 0));
    const lines = verdict?.valid ? [el('span', {}, summary(verdict))] : this.#errors.map((error) => this.#complaint(error));
    this.#verdict.replaceChildren(...lines);
    this.#onVerdict(verdict);
  }

  #complaint(error) {
    if (!error.line) return el('span', {}, sentence(error));
    return el('button', { type: 'button', class: 'link', on: { click: () => this.#goTo(error) } }, sentence(error));
  }

  #goTo({ line, column = 1 }) {
    const before = this.#code.value.split('\n').slice(0, line - 1);
    const position = before.reduce((sum, text) => sum + text.length + 1, 0) + Math.max(0, column - 1);
    this.#code.focus();
    this.#code.setSelectionRange(position, position + 1);
  }
}

/** Shows a refusal: what is wrong with the code stands once, in the verdict, where it leads to the place. */
export function refused(form, code, error) {
  if (error.status === undefined) throw error;
  const { formula_code: complaints, ...others } = error.errors;
  if (!complaints) return showErrors(form, error);
  code.refuse(error);
  if (Object.keys(others).length) showErrors(form, Object.assign(error, { errors: others }));
  else code.focus();
  return undefined;
}

// The code may be refused before it is parsed (too long, wrong characters); then the answer is a problem, not a verdict.
function complaintsOf(error) {
  const messages = error.errors?.formula_code ?? [error.message];
  return [messages].flat().map((message) => (typeof message === 'string' ? { message } : message));
}

function summary({ indicators = [], warmup_bars: warmup }) {
  const uses = indicators.length ? ` · uses ${indicators.join(', ')}` : '';
  return `Valid${uses}${warmup ? ` · first answer after ${warmup} bars` : ''}`;
}
