// Runs the TypeScript client as a test's environment says, and prints what it tells, a JSON line each.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const { CLIENT, URL: url, TOKEN, FRESH_TOKEN, TICKETS, POSITIONS, PING_EVERY, SILENCE, SERIES } = process.env;
const { SignalboxClient } = await import(pathToFileURL(`${CLIENT}/dist/signalbox.js`));
await import('./websocket.mjs');

const print = (line) => console.log(JSON.stringify(line));
async function newTicket() {
  const answer = await fetch(TICKETS, { method: 'POST', headers: { Authorization: `Bearer ${TOKEN}` } });
  return { ticket: (await answer.json()).ticket };
}

const client = new SignalboxClient({
  url,
  credential: (renew) => (TICKETS ? newTicket() : { token: renew ? FRESH_TOKEN : TOKEN }),
  onNotification: (notification) => print({ notification }),
  onReset: (reset) => print({ reset }),
  onState: (state, detail) => print({ state, ...detail }),
  onProblem: (problem) => print({ problem: String(problem) }),
  store: {
    load: () => (existsSync(POSITIONS) ? JSON.parse(readFileSync(POSITIONS, 'utf8')) : {}),
    save: (positions) => writeFileSync(POSITIONS, JSON.stringify(positions)),
  },
  pingEvery: PING_EVERY * 1000,
  silence: SILENCE * 1000,
});
if (SERIES) {
  client.on('bars.update', ({ payload }) => print({ bar: payload.payload }));
  client.subscribe('bars.subscribe', JSON.parse(SERIES));
}
client.start();
