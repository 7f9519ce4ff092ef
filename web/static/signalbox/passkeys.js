// Makes and uses passkeys: the browser's own dialogue between a challenge of the server and its answer.

import { ApiError, callAsStranger } from './api.js';

/** Whether this browser can make and use passkeys on this page. */
export const canUsePasskeys = () => Boolean(globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON);

/** A passkey's answer to a new challenge: it proves who is there. Rejects with an `ApiError`. */
export async function provePasskey() {
  const { challenge, options } = await callAsStranger('auth/login/passkey');
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey);
  const credential = await asked(() => navigator.credentials.get({ publicKey }), options.publicKey.rpId);
  return { challenge, credential: credential.toJSON() };
}

/** A new passkey for what `auth/mfa/webauthn` has answered. Rejects with an `ApiError`. */
export async function makePasskey({ challenge, options }) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey);
  const credential = await asked(() => navigator.credentials.create({ publicKey }), options.publicKey.rp.id);
  return { challenge, credential: credential.toJSON() };
}

async function asked(work, host) {
  try {
    return await work();
  } catch (error) {
    throw new ApiError(0, { code: 'passkey_not_used', detail: reason(error, host) });
  }
}

function reason(error, host) {
  if (error.name === 'SecurityError') return `Passkeys of this site work at ${host} only; this page is at ${location.hostname}.`;
  if (error.name === 'InvalidStateError') return 'This device has a passkey for your account already.';
  if (error.name === 'NotAllowedError') return 'No passkey was used: it was cancelled, took too long, or there is none here.';
  return `The passkey could not be used: ${error.message}`;
}
