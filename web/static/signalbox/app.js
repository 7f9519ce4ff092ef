// The page as a whole: signs in, opens the panels, and tells each what the others found.

import { ApiError, Session } from './api.js';
import { byId, say, whileBusy } from './dom.js';
import { FormulaEditor } from './editor.js';
import { clearErrors, showErrors } from './form-errors.js';
import { FormulasPanel } from './formulas.js';
import { InboxPanel } from './inbox.js';
import { MarketPanel } from './market.js';
import { SignalsPanel } from './signals.js';
import { SocketClient } from './socket.js';

const DEMO_LOGIN = 'trader@example.com';
const CONNECTION_WORDS = {
  connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting', stopped: 'Not connected',
};

const session = new Session();
const socket = new SocketClient(session);
const market = new MarketPanel({ session, socket, onChoice: aimAt });
const signals = new SignalsPanel({ session, socket, onChange: (all) => market.showSignals(all) });
const inbox = new InboxPanel({ session, socket, onUnread: showUnread });
const formulas = new FormulasPanel({ session, onFormulas: (all) => signals.nameFormulas(all) });
const editor = new FormulaEditor({
  session,
  onCreated: (formula) => formulas.add(formula),
  deploy: (formula) => formulas.deploy(formula),
});

function aimAt(choice) {
  formulas.aim(choice);
  editor.aim(choice);
}

function showUnread(count) {
  const badge = byId('unread-count');
  badge.textContent = count > 99 ? '99+' : String(count);
  badge.hidden = count === 0;
  byId('unread').setAttribute('aria-label', count === 1 ? '1 unread notification' : `${count || 'No'} unread notifications`);
  document.title = count ? `(${count}) Signalbox` : 'Signalbox';
}

function showConnection(state) {
  byId('connection').dataset.state = state;
  byId('connection').querySelector('.connection-word').textContent = CONNECTION_WORDS[state];
}

async function openWorkspace() {
  const me = await session.get('auth/me');
  byId('who').textContent = me.email;
  byId('who').title = me.role ? `${me.email} (${me.role.replaceAll('_', ' ')})` : me.email;
  byId('welcome').hidden = true;
  byId('workspace').hidden = false;
  byId('top-session').hidden = false;
  byId('content').focus({ preventScroll: true });
  socket.start();
  editor.open();
  await Promise.all([market.open(), signals.open(), inbox.open(), formulas.open(me)]);
}

function closeWorkspace(words = '') {
  socket.stop();
  for (const panel of [market, signals, inbox, formulas, editor]) panel.close();
  byId('workspace').hidden = true;
  byId('top-session').hidden = true;
  byId('welcome').hidden = false;
  showForm('sign-in');
  say(byId('sign-in').querySelector('[data-problem]'), words);
}

function showForm(name) {
  for (const form of [byId('sign-in'), byId('register')]) form.hidden = form.id !== name;
  clearErrors(byId(name));
}

/** Signs in by `enter`, which talks to the session; a refusal is shown in the form. */
function enterBy(form, enter) {
  return whileBusy(form.querySelector('[type=submit]'), async () => {
    clearErrors(form);
    try {
      await enter();
      form.reset();
      await openWorkspace();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      showErrors(form, error);
    }
  });
}

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  const { login, password } = event.target.elements;
  enterBy(event.target, () => session.signIn(login.value.trim(), password.value));
});

byId('register').addEventListener('submit', (event) => {
  event.preventDefault();
  const { email, username, password } = event.target.elements;
  enterBy(event.target, () => session.register({
    email: email.value.trim(), username: username.value.trim(), password: password.value,
  }));
});

byId('to-register').addEventListener('click', () => { showForm('register'); byId('register-email').focus(); });
byId('to-sign-in').addEventListener('click', () => { showForm('sign-in'); byId('login').focus(); });

byId('sign-out').addEventListener('click', (event) => whileBusy(event.currentTarget, async () => {
  closeWorkspace();
  byId('password').focus();
  // The tab has forgotten the session already; a server that is away cannot be told.
  await session.signOut().catch(() => {});
}));

session.addEventListener('ended', () => closeWorkspace('Your session has ended. Sign in again.'));
socket.on('state', showConnection);

/** The password in `#demo=…`, taken out of the address before anything else can see it. */
function takeDemoPassword() {
  const found = /^#demo=(.+)$/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, '', location.pathname + location.search);
  try {
    return decodeURIComponent(found[1]);
  } catch {
    return found[1];
  }
}

function enterDemo(password) {
  if (!byId('workspace').hidden) closeWorkspace();
  return enterBy(byId('sign-in'), () => session.signIn(DEMO_LOGIN, password));
}

// The link pasted into a tab that shows this page already changes the address and loads nothing.
addEventListener('hashchange', () => {
  const password = takeDemoPassword();
  if (password) enterDemo(password);
});

async function begin() {
  const demoPassword = takeDemoPassword();
  byId('welcome').hidden = false;
  if (demoPassword) {
    await enterDemo(demoPassword);
    return;
  }
  try {
    byId('welcome').hidden = session.isResumable;
    if (await session.resume()) await openWorkspace();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status !== 401) closeWorkspace(error.message);
  }
}

begin();
