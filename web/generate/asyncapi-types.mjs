// TypeScript types of everything that travels on the sockets: `node asyncapi-types.mjs asyncapi.json sockets.ts`.

import { readFile, writeFile } from 'node:fs/promises';

import { compile } from 'json-schema-to-typescript';

const [source, target] = process.argv.slice(2);
const { channels, components, operations } = JSON.parse(await readFile(source, 'utf8'));

const messageOf = ({ $ref }) => components.messages[channels.socket.messages[$ref.split('/').at(-1)].$ref.split('/').at(-1)];
const byAction = (action) => Object.values(operations).filter((operation) => operation.action === action);
const closed = (properties) => ({ type: 'object', additionalProperties: false, required: Object.keys(properties), properties });

/** An object with a property for each message of a kind, by the message's `type`. */
function table(messages) {
  return closed(Object.fromEntries(messages.map(({ name, summary, payload }) => [name, { ...payload, description: summary }])));
}

const asked = byAction('receive');
const replies = Object.fromEntries(asked.map(({ messages: [request], reply }) => [messageOf(request).name, messageOf(reply.messages[0]).payload]));
const schema = {
  ...closed({
    requests: table(asked.map(({ messages: [request] }) => messageOf(request))),
    replies: closed(replies),
    pushes: table(byAction('send').map(({ messages: [push] }) => messageOf(push))),
  }),
  components,
};
const types = await compile(schema, 'Sockets', { bannerComment: '/** Made from asyncapi.json. */', additionalProperties: false, format: false });
await writeFile(target, types);
