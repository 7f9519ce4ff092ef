// Takes what a link carries behind its # out of the address at once, before anything else can see or keep it.

const LINK = /^#(demo|confirm-email|reset-password|invitation|notification)=(.+)$/;

/** `{action, value}` of the address, or null; afterwards the address says nothing of it. */
export function takeLink() {
  const [, action, text] = LINK.exec(location.hash) ?? [];
  if (!action) return null;
  history.replaceState(null, '', location.pathname + location.search);
  return { action, value: decoded(text) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
