// Shows browser pushes, also while no page is open, and leads from one to what it is about.

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('push', (event) => event.waitUntil(show(contentOf(event))));
self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});

/** `{id, notification_id, kind, title, body, priority, url}`; a browser wants something shown for every push. */
function contentOf(event) {
  try {
    return event.data.json();
  } catch {
    return { title: 'Signalbox' };
  }
}

function show({ id, notification_id: notificationId, title, body, priority, url }) {
  return self.registration.showNotification(title, {
    body,
    tag: id, // the same on every try, so that a repeat replaces what is shown
    requireInteraction: priority === 'critical',
    data: { notificationId, url },
  });
}

/** Comes back to an open page where there is one; else opens the link, which for a signal answers it. */
async function open({ notificationId, url }) {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const page = pages.find((one) => new URL(one.url).pathname === '/');
  if (!page) return self.clients.openWindow(addressOf(notificationId, url));
  page.postMessage({ type: 'notification', id: notificationId });
  return page.focus();
}

function addressOf(notificationId, url) {
  const address = new URL(url || '/', self.location);
  if (notificationId && address.pathname === '/') address.hash = `notification=${notificationId}`;
  return address.href;
}
