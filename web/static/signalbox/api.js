// The REST door: signs in, keeps this tab's session alive, and turns every failure into one kind of error.

const BASE = '/api/v1/';
const STORED_AS = 'signalbox.refresh';
const REFRESH_AHEAD = 60; // seconds before the access token ends, or half its life if that is less
const ANSWER_WITHIN = 20_000;
const FILES_WITHIN = 180_000; // five large files on a slow line
const UNENROLLED = 'mfa_enrolment_required';
const LONGEST_TIMER = 2_000_000_000; // a larger delay makes setTimeout fire at once

/** A refused or failed request. `status` is 0 when no answer came; `errors` maps a field to its messages. */
export class ApiError extends Error {
  constructor(status, problem = {}) {
    super(problem.detail || problem.title || `The server answered with status ${status}.`);
    this.status = status;
    this.code = problem.code ?? '';
    this.errors = problem.errors ?? {};
  }
}

async function exchange(path, { method = 'GET', body, token, query } = {}) {
  const headers = { Accept: 'application/json' };
  const isForm = body instanceof FormData;
  if (token) headers.Authorization = `Bearer ${token}`;
  // A form names its own type, with the boundary between its parts.
  if (body !== undefined && !isForm) headers['Content-Type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(address(path, query), {
      method,
      headers,
      body: body === undefined || isForm ? body : JSON.stringify(body),
      // The admin site's cookie must not decide who is speaking here.
      credentials: 'omit',
      cache: 'no-store',
      signal: AbortSignal.timeout(isForm ? FILES_WITHIN : ANSWER_WITHIN),
    });
  } catch {
    throw new ApiError(0, { code: 'unreachable', detail: 'The server cannot be reached. Try again in a moment.' });
  }
  const content = await readJson(answer);
  if (!answer.ok) throw new ApiError(answer.status, content ?? {});
  return content;
}

function address(path, query) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null);
  return BASE + path + (given.length ? `?${new URLSearchParams(given)}` : '');
}

async function readJson(answer) {
  const text = await answer.text().catch(() => '');
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/** Calls what is open to strangers, as nobody. */
export function callAsStranger(path, body = {}) {
  return exchange(path, { method: 'POST', body });
}

/**
 * The signed-in caller. Dispatches `ended` when the server no longer accepts the session, and `unenrolled` when it asks
 * for a second factor that the caller has yet to enrol.
 */
export class Session extends EventTarget {
  #access = null;
  #expiresAt = 0;
  #ahead = REFRESH_AHEAD;
  #refreshing = null;
  #timer = null;

  /** Whether this tab still holds what a former session left. */
  get isResumable() {
    return sessionStorage.getItem(STORED_AS) !== null;
  }

  /** `code` is of the caller's second factor; without it those who have one get `mfa_required`. */
  async signIn(login, password, code) {
    const named = login.includes('@') ? { email: login } : { username: login };
    this.#keep(await callAsStranger('auth/login', { ...named, password, ...(code ? { code } : {}) }));
  }

  /** Signs in by the answer of a passkey: `{challenge, credential}`. */
  async signInByPasskey(answer) {
    this.#keep(await callAsStranger('auth/login/passkey/complete', answer));
  }

  /** Signs a newcomer up and in; answers false where a link in a mail has to be followed first. */
  async register({ email, username, password }) {
    const { id } = await callAsStranger('auth/register', { email, username, password });
    if (id === null) return false;
    await this.signIn(email, password);
    return true;
  }

  /** The session goes on with new tokens; all others end. */
  async changePassword(body) {
    this.#keep(await this.post('auth/password/change', body));
  }

  /** Takes up the session this tab had before a reload; answers whether there was one that still holds. */
  async resume() {
    if (!this.isResumable) return false;
    await this.#refresh();
    return true;
  }

  async signOut() {
    const body = { refresh_token: sessionStorage.getItem(STORED_AS) };
    const token = this.#access;
    this.forget();
    await exchange('auth/logout', { method: 'POST', body, token });
  }

  /** Lets go of the session in this tab alone; the server is not told. */
  forget() {
    this.#access = null;
    this.#expiresAt = 0;
    clearTimeout(this.#timer);
    sessionStorage.removeItem(STORED_AS);
  }

  /** An access token that is good for at least `seconds` more; asks for a new one when it is not. */
  async freshToken(seconds = this.#ahead) {
    if (this.#secondsLeft() < seconds) await this.#refresh();
    return this.#access;
  }

  /** A new access token, whatever the present one says: for when the server has refused it. */
  async renewedToken() {
    await this.#refresh();
    return this.#access;
  }

  get(path, query) {
    return this.#call(path, { query });
  }

  post(path, body = {}) {
    return this.#call(path, { method: 'POST', body });
  }

  put(path, body = {}) {
    return this.#call(path, { method: 'PUT', body });
  }

  patch(path, body = {}) {
    return this.#call(path, { method: 'PATCH', body });
  }

  delete(path) {
    return this.#call(path, { method: 'DELETE' });
  }

  async #call(path, options) {
    const token = this.#access;
    try {
      return await exchange(path, { ...options, token });
    } catch (error) {
      if (error.code === UNENROLLED) this.dispatchEvent(new Event('unenrolled'));
      if (error.status !== 401 || !token) throw error;
      // Another call may have renewed it meanwhile; then only the repeat is needed.
      if (token === this.#access) await this.#refresh();
      return exchange(path, { ...options, token: this.#access });
    }
  }

  // A refresh token works once, so callers that need one together must share a single request.
  #refresh() {
    this.#refreshing ??= this.#requestPair().finally(() => { this.#refreshing = null; });
    return this.#refreshing;
  }

  async #requestPair() {
    const shown = sessionStorage.getItem(STORED_AS);
    if (!shown) throw this.#end(new ApiError(401, { detail: 'You are signed out.' }));
    try {
      const pair = await exchange('auth/refresh', { method: 'POST', body: { refresh_token: shown } });
      if (sessionStorage.getItem(STORED_AS) === shown) this.#keep(pair);
    } catch (error) {
      throw [400, 401, 403].includes(error.status) ? this.#end(error) : error;
    }
  }

  #keep({ access_token: access, refresh_token: refresh, expires_in: seconds = 300 }) {
    this.#access = access;
    this.#expiresAt = Date.now() + seconds * 1000;
    sessionStorage.setItem(STORED_AS, refresh);
    clearTimeout(this.#timer);
    this.#ahead = Math.min(REFRESH_AHEAD, seconds / 2);
    const delay = Math.min((seconds - this.#ahead) * 1000, LONGEST_TIMER);
    this.#timer = setTimeout(() => this.#refresh().catch(() => {}), delay);
  }

  #secondsLeft() {
    return (this.#expiresAt - Date.now()) / 1000;
  }

  #end(error) {
    this.forget();
    this.dispatchEvent(new Event('ended'));
    return error;
  }
}
