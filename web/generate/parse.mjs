// Prints what the AsyncAPI project's own parser has to say of a document, as JSON: `node parse.mjs asyncapi.json`.

import { readFile } from 'node:fs/promises';

import { Parser } from '@asyncapi/parser';

const { diagnostics } = await new Parser().parse(await readFile(process.argv[2], 'utf8'));
const said = diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join('.') }));
console.log(JSON.stringify(said, null, 1));
