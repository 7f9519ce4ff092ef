// The form that adds a channel: which kind, and what that kind has to be told.

import { el } from '../dom.js';
import { choice, errorLine, field, onSubmit } from '../forms.js';

const BY_THEMSELVES = new Set(['webpush']); // made by a button of their own

export class NewChannelForm {
  #kinds = [];
  #me;
  #fields = el('div', {});
  #form = el('form', { novalidate: true });
  #node = el('details', { class: 'more' }, el('summary', {}, 'Add a channel'), this.#form);

  /** `onMade(channel)` is told the new one, with its secret if it has one. */
  constructor({ session, onMade }) {
    onSubmit(this.#form, async (elements) => {
      const channel = await session.post('notifications/channels', this.#body(elements));
      this.close();
      await onMade(channel);
    });
  }

  get node() {
    return this.#node;
  }

  open(me, kinds) {
    this.#me = me;
    this.#kinds = kinds.filter(({ kind }) => !BY_THEMSELVES.has(kind));
    this.#form.replaceChildren(
      errorLine(),
      choice({
        id: 'channel-kind', name: 'kind', label: 'Kind', options: this.#kinds.map(({ kind, label }) => [kind, label]),
        'aria-controls': 'channel-fields',
      }),
      this.#fields,
      field({ id: 'channel-name', name: 'name', label: 'Name', hint: 'What you call it; it may stay empty.', maxlength: '100', autocomplete: 'off' }),
      el('div', { class: 'form-foot' }, el('button', { type: 'submit', class: 'primary' }, 'Add channel')));
    this.#fields.id = 'channel-fields';
    this.#form.elements.kind.addEventListener('change', () => this.#showFields());
    this.#showFields();
  }

  close() {
    this.#node.open = false;
    this.#form.reset();
    if (this.#kinds.length) this.#showFields();
  }

  #chosen() {
    return this.#kinds.find(({ kind }) => kind === this.#form.elements.kind.value);
  }

  #showFields() {
    const { kind, config_fields: fields, options } = this.#chosen();
    this.#fields.replaceChildren(...fields.map((one) => fieldOf(one)));
    if (kind === 'email') this.#form.elements.address.value = this.#me.email;
    if (options.schemes) {
      this.#fields.append(el('p', { class: 'hint' }, `It begins with one of ${options.schemes.replaceAll(',', ', ')}, and ://.`));
    }
  }

  #body(elements) {
    const { kind, config_fields: fields } = this.#chosen();
    const config = Object.fromEntries(fields.map(({ name }) => [name, elements[name].value.trim()]).filter(([, value]) => value));
    return { kind, name: elements.namedItem('name').value.trim(), config };
  }
}

function fieldOf({ name, label, help, is_secret: isSecret, is_required: isRequired, default: usual }) {
  return field({
    id: `channel-${name}`, name, label: isRequired || usual ? label : `${label} (if there is one)`, hint: help,
    errorFor: `config.${name}`, type: isSecret ? 'password' : 'text', placeholder: usual || null,
    autocomplete: isSecret ? 'new-password' : 'off', autocapitalize: 'none', spellcheck: 'false',
  });
}
