// The fields of one rule: which ways, from which priority on, when not, and whether collected.

import { el } from '../dom.js';
import { choice, field } from '../forms.js';

const PRIORITIES = [
  ['info', 'Everything'], ['low', 'Low and above'], ['medium', 'Medium and above'], ['high', 'High and above'],
  ['critical', 'Critical only'],
];
const SAME_AS = { error: 'high' };
const DIGESTS = [['off', 'One by one'], ['hourly', 'Together, hourly'], ['daily', 'Together, each morning']];
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const ZONES = 'time-zones';

/** The time zones that a browser knows, for fields to choose from. */
export const zoneList = () => el('datalist', { id: ZONES }, Intl.supportedValuesOf('timeZone').map((zone) => el('option', { value: zone })));

export class RuleFields {
  #path;
  #id;
  #node;

  /** `path` is where the rule is in what is sent, which names its errors; `ways` are pairs of key and words. */
  constructor({ path, rule, ways }) {
    this.#path = path;
    this.#id = `rule-${path.replaceAll('.', '-')}`;
    this.#node = el('div', { class: 'rule' }, this.#ways(rule, ways),
      el('div', { class: 'pair' },
        this.#choice('min_priority', 'To channels goes', PRIORITIES, SAME_AS[rule.min_priority] ?? rule.min_priority),
        this.#choice('digest', 'Sent', DIGESTS, rule.digest)),
      this.#quietHours(rule.quiet_hours));
  }

  get node() {
    return this.#node;
  }

  /** The rule as it is entered, in full. */
  value() {
    const of = (name) => this.#node.querySelector(`[name=${name}]`);
    const quiet = { start: of('start').value, end: of('end').value, timezone: of('timezone').value.trim() };
    return {
      channels: [...this.#node.querySelectorAll('[name=channels]:checked')].map(({ value }) => value),
      min_priority: of('min_priority').value,
      quiet_hours: of('has_quiet_hours').checked ? quiet : null,
      digest: of('digest').value,
    };
  }

  #ways({ channels }, ways) {
    const boxes = ways.map(([way, words]) => el('label', { class: 'check' },
      el('input', { type: 'checkbox', name: 'channels', id: `${this.#id}-${way}`, value: way, checked: channels.includes(way) }), words));
    return el('fieldset', { class: 'field' }, el('legend', {}, 'Ways'), el('div', { class: 'ways' }, boxes),
      this.#error(`${this.#path}.channels`));
  }

  #choice(name, label, options, chosen) {
    const shown = choice({ id: `${this.#id}-${name}`, name, label, options, errorFor: `${this.#path}.${name}` });
    shown.querySelector('select').value = chosen;
    return shown;
  }

  #quietHours(quiet) {
    const path = `${this.#path}.quiet_hours`;
    const of = (name, label, usual, more) => field({
      id: `${this.#id}-${name}`, name, label, errorFor: `${path}.${name}`, value: quiet?.[name] ?? usual, ...more,
    });
    const times = el('div', { class: 'quiet-times', hidden: !quiet },
      of('start', 'From', '22:00', { type: 'time' }), of('end', 'To', '07:00', { type: 'time' }),
      of('timezone', 'Time zone', HERE, { list: ZONES, autocomplete: 'off', spellcheck: 'false' }));
    const box = el('input', {
      type: 'checkbox', name: 'has_quiet_hours', id: `${this.#id}-quiet`, checked: Boolean(quiet),
      on: { change: (event) => { times.hidden = !event.target.checked; } },
    });
    return el('div', { class: 'field' },
      el('label', { class: 'check' }, box, 'Quiet hours, after which comes what waited'), times, this.#error(path));
  }

  #error(path) {
    return el('p', { class: 'field-error', 'data-error-for': path, hidden: true });
  }
}
