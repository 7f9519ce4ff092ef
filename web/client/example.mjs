// Prints what arrives, a JSON line each: TOKEN=… node example.mjs https://signals.example.com

import { SignalboxClient } from './dist/signalbox.js';

// Node has had a WebSocket of its own since version 22; browsers have always had one.
globalThis.WebSocket ??= (await import('ws')).default;

const print = (line) => console.log(JSON.stringify(line));
const client = new SignalboxClient({
  url: `${process.argv[2].replace(/^http/, 'ws')}/api/v1/ws`,
  credential: () => ({ token: process.env.TOKEN }),
  onNotification: (notification) => print({ notification }),
  onReset: (reset) => print({ reset }),
  onState: (state, detail) => print({ state, ...detail }),
  onProblem: (problem) => print({ problem: String(problem) }),
});
client.start();
