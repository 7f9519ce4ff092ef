// The page as a whole: signs in, opens the panels, and tells each what the others found.

import { AccountPanel } from './account/account.js';
import { ApiError, callAsStranger, Session } from './api.js';
import { byId, whileBusy } from './dom.js';
import { FormulaEditor } from './editor.js';
import { FormulasPanel } from './formulas.js';
import { FormulaView } from './formulas/formula-page.js';
import { MarketplaceView } from './formulas/marketplace.js';
import { StudioView } from './formulas/studio.js';
import { SubscriptionsView } from './formulas/subscriptions.js';
import { viewOf } from './formulas/views.js';
import { InboxPanel } from './inbox.js';
import { Instruments } from './instruments.js';
import { takeLink } from './links.js';
import { MarketPanel } from './market.js';
import { askNews, hideNews, tellNews } from './notice.js';
import { onPushPressed } from './push.js';
import { SignalsPanel } from './signals.js';
import { SocketClient } from './socket.js';
import { Welcome } from './welcome.js';

const DEMO_LOGIN = 'trader@example.com';
const CONNECTION_WORDS = {
  connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting', stopped: 'Not connected',
};

const session = new Session();
const socket = new SocketClient(session);
const instruments = new Instruments(session);
const market = new MarketPanel({ session, socket, onChoice: aimAt });
const signals = new SignalsPanel({
  session, socket, instruments, onChange: (all) => market.showSignals(all), onLook: (signal) => market.lookAt(signal),
});
const inbox = new InboxPanel({ session, socket, onUnread: showUnread });
const formulas = new FormulasPanel({ session, onFormulas: (all) => signals.nameFormulas(all) });
const editor = new FormulaEditor({
  session,
  onCreated: (formula) => formulas.add(formula),
  deploy: (formula) => formulas.deploy(formula),
});
const account = new AccountPanel({
  session, socket, onMe: showMe, onFactors: factorsChanged, onRules: (rules) => inbox.follow(rules),
});
const studio = new StudioView({ session, instruments, onSaved: () => me && formulas.open(me) });
const views = {
  account, marketplace: new MarketplaceView({ session }), formula: new FormulaView({ session, socket, instruments }),
  write: studio,
  subscriptions: new SubscriptionsView({ session }),
};
const welcome = new Welcome({ session, onEntered: openWorkspace });
let me = null;
let invitation = null; // a token that waits for its owner to sign in
let wanted = null; // a notification to be shown once somebody is signed in
let mustEnrol = false;
let isEnrolled = false;

function aimAt(choice) {
  formulas.aim(choice);
  editor.aim(choice);
}

function showUnread(count) {
  const badge = byId('unread-count');
  badge.textContent = count > 99 ? '99+' : String(count);
  badge.hidden = count === 0;
  byId('unread').setAttribute('aria-label', count === 1 ? '1 unread notification' : `${count ? badge.textContent : 'No'} unread notifications`);
  document.title = count ? `(${count}) Signalbox` : 'Signalbox';
}

function showConnection(state) {
  byId('connection').dataset.state = state;
  byId('connection').querySelector('.connection-word').textContent = CONNECTION_WORDS[state];
}

function showMe(changed) {
  me = changed;
  byId('who').textContent = me.email;
  byId('to-account').setAttribute('aria-label', `Your account: ${me.email}`);
  byId('to-account').title = me.role ? `${me.email} (${me.role.replaceAll('_', ' ')})` : me.email;
}

async function openWorkspace() {
  showMe(await session.get('auth/me'));
  welcome.hide();
  byId('top-session').hidden = false;
  byId('places').hidden = false;
  showView();
  socket.start();
  if (invitation) askToJoin();
  await openPanels();
  if (wanted) showNotification(wanted);
}

function openPanels() {
  editor.open();
  return Promise.all([market.open(), signals.open(), inbox.open(me), formulas.open(me)]);
}

function closeWorkspace() {
  me = null;
  mustEnrol = isEnrolled = false;
  socket.stop();
  hideNews();
  for (const panel of [market, signals, inbox, formulas, editor, ...Object.values(views)]) panel.close();
  studio.forget();
  for (const id of ['workspace', 'top-session', 'places', ...Object.keys(views)]) byId(id).hidden = true;
}

/** What the address asks for; the workspace where it asks for nothing that is known. */
function showView() {
  const { name, id } = viewOf(location.hash);
  const isOther = byId(name).hidden || name === 'formula';
  for (const one of ['workspace', ...Object.keys(views)]) byId(one).hidden = one !== name;
  byId('to-account').setAttribute('aria-current', name === 'account' ? 'page' : 'false');
  for (const link of byId('places').children) link.setAttribute('aria-current', link.dataset.view === name ? 'page' : 'false');
  // A place in a view that was hidden could not be scrolled to by the link itself.
  if (location.hash === '#inbox-title') byId('inbox-title').focus();
  else if (isOther) standAtTop();
  for (const [one, view] of Object.entries(views)) if (one !== name) view.close();
  views[name]?.open(me, id);
}

function standAtTop() {
  scrollTo(0, 0);
  byId('content').focus({ preventScroll: true });
}

// Whoever may do nothing but enrol is led there; the rest of the page would be refused.
function leadToEnrolment() {
  // A refusal that was on its way while the factor was added is out of date.
  if (mustEnrol || isEnrolled || me === null) return;
  mustEnrol = true;
  socket.stop();
  location.hash = 'account';
  tellNews('Your role needs a second factor. Add an authenticator app or a passkey to go on.');
}

function factorsChanged(isEnrolledNow) {
  isEnrolled = isEnrolledNow;
  if (!mustEnrol || !isEnrolled) return;
  mustEnrol = false;
  hideNews();
  socket.start();
  openPanels();
}

async function confirmEmail(token) {
  try {
    const { email } = await callAsStranger('auth/email/confirm', { token });
    if (me) tellNews(`${email} is confirmed.`);
    else welcome.tell(`${email} is confirmed. You can sign in now.`, email);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (me) tellNews(error.message);
    else welcome.warn(error.code === 'link_not_valid' ? `${error.message} Registering again sends one.` : error.message);
  }
}

function takeInvitation(token) {
  invitation = token;
  if (me) askToJoin();
  else welcome.tell('You are invited to join a company. Sign in with the address that was invited, or create an account with it.');
}

function askToJoin() {
  const leave = me.company ? ` You would leave ${me.company}.` : '';
  askNews(`You are invited to join a company as ${me.email}.${leave}`, 'Join', join, () => { invitation = null; });
}

async function join() {
  await session.post('auth/invitations/accept', { token: invitation });
  invitation = null;
  showMe(await session.get('auth/me'));
  if (!byId('account').hidden) account.showMe(me);
  tellNews(`You have joined ${me.company}.`);
}

byId('sign-out').addEventListener('click', (event) => whileBusy(event.currentTarget, async () => {
  if (!(await studio.mayDrop())) return;
  closeWorkspace();
  history.replaceState(null, '', location.pathname + location.search);
  welcome.show('sign-in');
  // The tab has forgotten the session already; a server that is away cannot be told.
  await session.signOut().catch(() => {});
}));

session.addEventListener('ended', () => {
  closeWorkspace();
  welcome.warn('Your session has ended. Sign in again.');
});
session.addEventListener('unenrolled', leadToEnrolment);
socket.on('state', showConnection);

/** Shows one notification, also where the account or another part of the workspace was open. */
function showNotification(id) {
  wanted = me ? null : id;
  if (!me || mustEnrol) return undefined;
  if (location.hash) history.replaceState(null, '', location.pathname + location.search);
  showView();
  return inbox.find(id);
}

function enterDemo(password) {
  closeWorkspace();
  welcome.show('sign-in');
  return welcome.enterAs(DEMO_LOGIN, password);
}

function chooseNewPassword(token) {
  closeWorkspace();
  welcome.chooseNewPassword(token);
}

const DOORS = {
  demo: enterDemo, 'reset-password': chooseNewPassword, 'confirm-email': confirmEmail, invitation: takeInvitation,
  notification: showNotification,
};
const KEEPS_SESSION = new Set(['confirm-email', 'invitation', 'notification']);

onPushPressed((id) => id && showNotification(id));

// A link pasted into a tab that shows this page already changes the address and loads nothing.
addEventListener('hashchange', () => {
  const link = takeLink();
  if (link) DOORS[link.action](link.value);
  else if (me && location.hash !== '#content') showView();
});

async function resume() {
  if (!session.isResumable) return welcome.show('sign-in', { focus: false });
  try {
    await session.resume();
    return await openWorkspace();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status !== 401) welcome.warn(error.message);
    return undefined;
  }
}

async function begin() {
  const link = takeLink();
  if (!link || KEEPS_SESSION.has(link.action)) await resume();
  if (link) await DOORS[link.action](link.value);
}

begin();
