// Which view the address asks for: `#marketplace`, `#formula/12`, `#write`, `#write/12`, `#subscriptions`, else the workspace.

const ADDRESS = /^#(account|marketplace|subscriptions|write|formula)(?:\/([1-9]\d{0,17}))?$/;

/** `{name, id}` of the view that the address names; `id` is null where it names no thing. */
export function viewOf(hash) {
  const [, name, id = null] = ADDRESS.exec(hash) ?? [];
  if (!name || (name === 'formula' && id === null)) return { name: 'workspace', id: null };
  return { name, id };
}
