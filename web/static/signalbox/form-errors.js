// Puts what a problem answer says beside the fields it is about.

/** One line for a message, which is a text or an object with `message` and perhaps `line`, `column`, `hint`. */
export function sentence(message) {
  if (typeof message === 'string') return message;
  const place = message.line ? `Line ${message.line}${message.column ? `, column ${message.column}` : ''}: ` : '';
  const hint = message.hint ? `; ${message.hint}` : '';
  return `${place}${message.message ?? message.detail ?? JSON.stringify(message)}${hint}`;
}

/** Clears all messages of a form. */
export function clearErrors(form) {
  for (const line of form.querySelectorAll('[data-error-for], [data-problem]')) {
    line.textContent = '';
    line.hidden = true;
  }
  for (const input of form.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
}

/** Shows an `ApiError`: field messages at their fields, the rest on top, focus on the first wrong field. */
export function showErrors(form, error) {
  clearErrors(form);
  const unplaced = [];
  for (const [field, messages] of byField(error.errors ?? {})) {
    const text = [messages].flat().map(sentence).join(' ');
    const line = form.querySelector(`[data-error-for~="${CSS.escape(field)}"]`);
    if (line) place(line, text);
    else unplaced.push(text);
  }
  const hasPlaced = form.querySelector('[aria-invalid]') !== null;
  const words = [...(hasPlaced ? [] : [error.message]), ...unplaced].join(' ');
  const top = form.querySelector('[data-problem]');
  top.textContent = words;
  top.hidden = !words;
  form.querySelector('[aria-invalid]')?.focus();
}

/** Pairs of field and messages; what is inside of another field is named `outer.inner`. */
function byField(errors, within = '') {
  return Object.entries(errors).flatMap(([name, said]) => (
    isNested(said) ? byField(said, `${within}${name}.`) : [[`${within}${name}`, said]]));
}

function isNested(said) {
  return typeof said === 'object' && said !== null && !Array.isArray(said) && !('message' in said || 'detail' in said);
}

function place(line, text) {
  line.textContent = line.textContent ? `${line.textContent} ${text}` : text;
  line.hidden = false;
  const input = line.closest('.field')?.querySelector('input, textarea, select');
  if (!input) return;
  line.id ||= `${input.id}-error`;
  const described = new Set((input.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean));
  input.setAttribute('aria-describedby', [...described.add(line.id)].join(' '));
  input.setAttribute('aria-invalid', 'true');
}
