// Which notifications take which ways, and when not: one rule for all, and others for some types.

import { el, reporting, say } from '../dom.js';
import { errorLine, field, onSubmit } from '../forms.js';
import { capital, typeName, waysWith } from '../words.js';
import { actOn, card, focusTitle, row } from './card.js';
import { RuleFields, zoneList } from './rule.js';

const PATH = 'notifications/preferences';
const DIGESTS = { off: 'one by one', hourly: 'together every hour', daily: 'together each morning' };

export class PreferencesCard {
  #session;
  #onChange;
  #rules = { default: {}, types: {} };
  #ways = [];
  #isOpen = false;
  #usual = el('form', { novalidate: true });
  #list = el('ul', { class: 'rows' });
  #step = el('div', { class: 'steps' });
  #types = el('datalist', { id: 'known-types' });
  #naming = el('form', { class: 'naming', novalidate: true }, errorLine(),
    field({ id: 'rule-type', name: 'type', label: 'A rule of its own for the type', list: 'known-types', maxlength: '50', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' }),
    el('button', { type: 'submit' }, 'Set'));
  #card = card('account-preferences', 'Notification preferences', zoneList(), this.#types, this.#usual,
    el('h3', { class: 'part' }, 'By type'), this.#list, this.#step, this.#naming);

  /** `onChange(rules)` is told the preferences whenever they are saved. */
  constructor({ session, onChange }) {
    this.#session = session;
    this.#onChange = onChange;
    onSubmit(this.#naming, ({ type }) => this.#named(slugOf(type.value)));
  }

  get node() {
    return this.#card.node;
  }

  open() {
    this.#isOpen = true;
    return reporting(this.#card.problem, async () => {
      const [rules, kinds, { by_type: types }] = await Promise.all([
        this.#session.get(PATH), this.#session.get('notifications/channels/kinds'), this.#session.get('notifications/stats/summary'),
      ]);
      if (!this.#isOpen) return;
      this.#ways = waysWith(kinds);
      this.#types.replaceChildren(...Object.keys(types).map((type) => el('option', { value: type }, typeName(type))));
      this.#show(rules);
    });
  }

  close() {
    this.#isOpen = false;
    for (const part of [this.#usual, this.#list, this.#step]) part.replaceChildren();
    this.#naming.reset();
    say(this.#card.done);
  }

  #show(rules) {
    this.#rules = rules;
    this.#showUsual();
    this.#list.replaceChildren(...Object.entries(rules.types).map(([type, rule]) => this.#row(type, rule)));
  }

  #showUsual() {
    const fields = new RuleFields({ path: 'default', rule: this.#rules.default, ways: this.#ways });
    const fresh = el('form', { novalidate: true, id: 'usual-rule' }, errorLine(),
      el('p', { class: 'hint' }, 'For everything that has no rule of its own. What is critical waits for nothing.'), fields.node,
      el('div', { class: 'form-foot' }, el('button', { type: 'submit', class: 'primary' }, 'Save')));
    onSubmit(fresh, () => this.#save({ usual: fields.value() }, 'Your preferences are saved.'));
    this.#usual.replaceWith(fresh);
    this.#usual = fresh;
  }

  #row(type, rule) {
    const name = typeName(type);
    const isMuted = !rule.channels.includes('in_app');
    const act = (words, work) => actOn(this.#card, words, 'small', work, `${words}: ${name}`);
    const title = isMuted ? [name, ' ', el('span', { class: 'chip' }, 'Muted')] : name;
    return row(title, [this.#told(differences(rule, this.#rules.default))],
      act('Change', () => this.#change(type, rule)),
      isMuted ? act('Unmute', () => this.#unmute(type, rule)) : act('Mute', () => this.#mute(type, rule)),
      act('Remove', () => this.#save({ remove: type }, `${name}: as for everything.`)));
  }

  #told({ channels, min_priority: least, quiet_hours: quiet, digest }) {
    const words = new Map(this.#ways);
    const parts = [
      channels && (channels.length ? `by ${channels.map((way) => words.get(way)).join(', ')}` : 'no way at all'),
      least && (least === 'info' ? 'of any priority' : `to channels from ${least} on`),
      quiet && `quiet ${quiet.start}–${quiet.end} (${quiet.timezone})`, quiet === null && 'no quiet hours',
      digest && DIGESTS[digest],
    ].filter(Boolean);
    return parts.length ? capital(parts.join('; ')) : 'As for everything';
  }

  #named(type) {
    if (!type) return this.#naming.elements.type.focus();
    this.#naming.reset();
    return this.#change(type, this.#rules.types[type] ?? this.#rules.default);
  }

  #change(type, rule) {
    const fields = new RuleFields({ path: `types.${type}`, rule, ways: this.#ways });
    const mute = () => this.#mute(type, rule);
    const leave = () => { this.#step.replaceChildren(); focusTitle(this.#card); };
    const form = el('form', { class: 'step', novalidate: true }, errorLine(),
      el('h3', {}, typeName(type)), el('p', { class: 'field-error', 'data-error-for': `types.${type}`, hidden: true }), fields.node,
      el('div', { class: 'form-foot' },
        actOn(this.#card, 'Mute', 'quiet', mute),
        el('button', { type: 'button', class: 'quiet', on: { click: leave } }, 'Cancel'),
        el('button', { type: 'submit', class: 'primary' }, 'Save')));
    onSubmit(form, () => this.#save({ type, rule: fields.value() }, `${typeName(type)}: saved.`));
    this.#step.replaceChildren(form);
    form.querySelector('input').focus();
  }

  #mute(type, rule) {
    return this.#save({ type, rule: { ...rule, channels: [] } }, `${typeName(type)} is muted: it is in the list, and comes by no way.`);
  }

  #unmute(type, rule) {
    const { channels } = this.#rules.default;
    const rest = channels.includes('in_app') ? channels : ['in_app', ...channels];
    return this.#save({ type, rule: { ...rule, channels: rest } }, `${typeName(type)} comes again.`);
  }

  /** Sends all rules with one changed. What a type has in common with the rule for all stays in common. */
  async #save({ usual = this.#rules.default, type, rule, remove }, words) {
    const shown = { ...this.#rules.types, ...(type && { [type]: rule }) };
    const types = Object.fromEntries(Object.entries(shown).filter(([name]) => name !== remove)
      .map(([name, one]) => [name, differences(one, this.#rules.default)]));
    const saved = await this.#session.put(PATH, { default: usual, types });
    this.#step.replaceChildren();
    this.#show(saved);
    say(this.#card.problem);
    say(this.#card.done, words);
    focusTitle(this.#card);
    this.#onChange(saved);
  }
}

/** What in `rule` is not as in `usual`. */
function differences(rule, usual) {
  return Object.fromEntries(Object.entries(rule).filter(([name, value]) => keyOf(value) !== keyOf(usual[name])));
}

// Ways are a set: in another order they are the same.
const keyOf = (value) => JSON.stringify(Array.isArray(value) ? [...value].sort() : value);

const slugOf = (text) => text.trim().replaceAll(/\s+/g, '_').slice(0, 50);
