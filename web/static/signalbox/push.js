// Browser push: whether this browser can take it, and its subscription at the push service of its maker.

import { ApiError } from './api.js';

const WORKER = '/sw.js';
const IS_APPLE_MOBILE = /iPhone|iPad/.test(navigator.userAgent);

/** Why this browser cannot take pushes of this page; empty where it can. */
export function reasonAgainst() {
  if (!isSecureContext) return 'Browsers take pushes only from pages at https:// or at localhost.';
  if (!('serviceWorker' in navigator) || !('PushManager' in globalThis) || !('Notification' in globalThis)) {
    return IS_APPLE_MOBILE ? 'Add this page to your home screen first; pushes work from there.' : 'This browser cannot take pushes.';
  }
  return Notification.permission === 'denied'
    ? 'This browser was told to show no notifications of this page. Its settings for this site allow them again.' : '';
}

/** Whether this browser is subscribed, for whomever. */
export async function isSubscribed() {
  return Boolean(await presentSubscription());
}

/** Subscribes with the server's public key; answers what a channel is made of. Rejects with an `ApiError`. */
export async function subscribe(applicationServerKey) {
  try {
    if (await Notification.requestPermission() !== 'granted') throw new Error('you did not allow it.');
    await navigator.serviceWorker.register(WORKER);
    const { pushManager } = await navigator.serviceWorker.ready;
    const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey })
      .catch((error) => anew(pushManager, applicationServerKey, error));
    return subscription.toJSON();
  } catch (error) {
    throw new ApiError(0, { code: 'push_not_possible', detail: `The browser takes no pushes: ${error.message}` });
  }
}

// A subscription made with a key that the server has no longer stands in the way of one with the present key.
async function anew(pushManager, applicationServerKey, error) {
  if (error.name !== 'InvalidStateError') throw error;
  await (await pushManager.getSubscription())?.unsubscribe();
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
}

export async function unsubscribe() {
  await (await presentSubscription())?.unsubscribe();
}

async function presentSubscription() {
  const registration = await navigator.serviceWorker.getRegistration('/');
  return registration?.pushManager.getSubscription();
}

/** Calls `handler(id)` when somebody presses a push while this page is open. */
export function onPushPressed(handler) {
  navigator.serviceWorker?.addEventListener('message', ({ data }) => data?.type === 'notification' && handler(data.id));
}
