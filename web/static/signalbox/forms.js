// Builds labelled fields and runs forms: one press is one request, and a refusal stands beside its field.

import { el, whileBusy } from './dom.js';
import { clearErrors, showErrors } from './form-errors.js';

/** The line at the top of a form for what belongs to no field. */
export const errorLine = () => el('p', { class: 'problem', 'data-problem': true, role: 'alert', hidden: true });

/** A labelled input with its hint and its error; what is not named here becomes an attribute of the input. */
export function field({ id, name, label, hint, errorFor = name, ...attributes }) {
  return framed(el('input', {
    id, name, 'aria-describedby': hint ? `${id}-hint` : null, ...attributes,
  }), { id, label, hint, errorFor });
}

/** The same around a choice; `options` are pairs of value and words. */
export function choice({ id, name, label, hint, options, errorFor = name, ...attributes }) {
  return framed(el('select', { id, name, ...attributes },
    options.map(([value, words]) => el('option', { value }, words))), { id, label, hint, errorFor });
}

function framed(input, { id, label, hint, errorFor }) {
  return el('div', { class: 'field' },
    el('label', { for: id }, label), input,
    hint && el('p', { class: 'hint', id: `${id}-hint` }, hint),
    el('p', { class: 'field-error', 'data-error-for': errorFor, hidden: true }));
}

/** Runs `work` on every submission; what the server refuses is shown in the form. */
export function onSubmit(form, work) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submitting(form, () => work(form.elements));
  });
}

/** Runs `work` with the form's button switched off; answers undefined where it was refused. */
export function submitting(form, work) {
  return whileBusy(form.querySelector('[type=submit]'), async () => {
    clearErrors(form);
    try {
      return await work();
    } catch (error) {
      if (error.status === undefined) throw error;
      showErrors(form, error);
      return undefined;
    }
  });
}
