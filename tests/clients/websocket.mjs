// Gives an older Node the WebSocket that browsers, and Node since version 22, have anyway.

globalThis.WebSocket ??= (await import(`${process.env.CLIENT}/node_modules/ws/wrapper.mjs`)).default;
