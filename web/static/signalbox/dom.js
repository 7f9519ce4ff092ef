// Builds elements from plain values (text is always text, never markup) and speaks to screen readers.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** A new element. Attributes that are null or false are left out; `on` maps event names to handlers. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'on') {
      for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    } else if (value != null && value !== false) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...kept(children));
  return node;
}

// `append` and `replaceChildren` by themselves would write the words "null" and "false".
const kept = (children) => children.flat().filter((child) => child != null && child !== false);

/** Shows `children` in `node` instead of what it held; null and false are left out. */
export function fill(node, ...children) {
  node.replaceChildren(...kept(children));
}

/** What is there of `parts`, with dots between. */
export const dotted = (parts) => kept(parts.map((part) => part || null)).flatMap((part, index) => (index ? [' · ', part] : [part]));

/** Runs `work` with the button switched off, so that one press is one request. */
export async function whileBusy(button, work) {
  if (button.disabled) return undefined;
  const hadFocus = document.activeElement === button;
  button.disabled = true;
  button.setAttribute('aria-busy', 'true');
  try {
    return await work();
  } finally {
    button.disabled = false;
    button.removeAttribute('aria-busy');
    // A switched-off button lets go of the keyboard focus, which nobody took in the meantime.
    if (hadFocus && document.activeElement === document.body) button.focus({ preventScroll: true });
  }
}

/** Shows `text` in a message line, or hides the line when there is none. */
export function say(line, text = '') {
  line.textContent = text;
  line.hidden = !text;
}

/** Runs `work`, showing what went wrong in `line`; answers undefined when it failed. */
export async function reporting(line, work) {
  try {
    const result = await work();
    say(line);
    return result;
  } catch (error) {
    if (error.status === undefined) throw error;
    say(line, error.message);
    return undefined;
  }
}

const spoken = [];
let speaking = null;

/** Reads `text` out politely; several at once are joined, so that a burst does not become a queue. */
export function announce(text) {
  spoken.push(text);
  speaking ??= setTimeout(() => {
    byId('announcer').textContent = spoken.splice(0).slice(-4).join('. ');
    speaking = null;
  }, 400);
}

/** Replaces `old` by `fresh` and gives the keyboard focus back if it was inside. */
export function swap(old, fresh) {
  const hadFocus = old.contains(document.activeElement);
  old.replaceWith(fresh);
  if (hadFocus) (fresh.querySelector('button:not(:disabled), summary') ?? fresh).focus();
}
