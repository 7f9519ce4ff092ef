// The words for what the API names by a key: types of notifications, ways they take, how urgent they are.

const TYPES = { kyc: 'Identity check', review: 'Identity check' };
const WAYS = { in_app: 'Inbox', socket: 'Live sockets' };

/** What people call a type of notifications. */
export const typeName = (type) => TYPES[type] ?? capital(type.replaceAll(/[_-]+/g, ' '));

/** Pairs of key and words for every way a notification can take; `kinds` are the kinds of channels. */
export const waysWith = (kinds) => [...Object.entries(WAYS), ...kinds.map(({ kind, label }) => [kind, label])];

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
