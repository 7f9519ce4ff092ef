// Reviews of a formula: how many gave what, what they said, and one's own.

import { el, reporting, say, whileBusy } from '../dom.js';
import { confirmed } from '../dialogs.js';
import { choice, errorLine, onSubmit } from '../forms.js';
import { stamp } from '../stamp.js';

const NEWEST = 50;
const POINTS = [['5', '5 – very good'], ['4', '4 – good'], ['3', '3 – fair'], ['2', '2 – poor'], ['1', '1 – bad']];

export class ReviewsCard {
  node;
  #session;
  #onChange;
  #formula = null;
  #me = null;
  #own = null;
  #problem = errorLine();
  #stats = el('div', { class: 'rating-bars' });
  #list = el('ul', { class: 'rows' });
  #empty = el('p', { class: 'empty', hidden: true }, 'Nobody has reviewed it yet.');
  #form;
  #delete;

  /** `onChange()` is called when one's own review came, changed or went. */
  constructor({ session, onChange }) {
    this.#session = session;
    this.#onChange = onChange;
    this.#form = this.#build();
    this.node = el('section', { class: 'card page-card', 'aria-labelledby': 'reviews-title' },
      el('h2', { id: 'reviews-title' }, 'Reviews'), this.#problem, this.#stats, this.#list, this.#empty, this.#form);
  }

  /** `mayReview` says whether the person follows the formula and did not write it. */
  async open(formula, me, mayReview) {
    this.#formula = formula;
    this.#me = me;
    await reporting(this.#problem, () => this.#read());
    if (formula.id === this.#formula?.id) this.#form.hidden = !mayReview && !this.#own;
  }

  close() {
    this.#formula = this.#own = null;
    this.#list.replaceChildren();
    this.#stats.hidden = this.#form.hidden = true;
    this.#form.reset();
  }

  #build() {
    this.#delete = el('button', { type: 'button', class: 'quiet', hidden: true, on: { click: (event) => this.#remove(event.currentTarget) } }, 'Take it back');
    const form = el('form', { class: 'review-form', novalidate: true },
      el('h3', {}, 'Your review'), errorLine(),
      choice({ id: 'review-rating', name: 'rating', label: 'Rating', options: POINTS }),
      el('div', { class: 'field' },
        el('label', { for: 'review-comment' }, 'Comment'),
        el('textarea', { id: 'review-comment', name: 'comment', rows: 3, maxlength: 2000 }),
        el('p', { class: 'field-error', 'data-error-for': 'comment', hidden: true })),
      el('label', { class: 'check' }, el('input', { type: 'checkbox', name: 'is_anonymous' }), ' Show it without my name'),
      el('div', { class: 'form-foot' }, this.#delete, el('button', { type: 'submit', class: 'primary' }, 'Publish review')));
    onSubmit(form, (fields) => this.#save(fields));
    return form;
  }

  async #read() {
    const formula = this.#formula;
    if (!formula) return;
    const path = `reviews/formula/${formula.id}`;
    const [{ results: [own = null] }, { results: newest }, stats] = await Promise.all([
      this.#session.get(path, { is_mine: true, size: 1 }), this.#session.get(path, { size: NEWEST }), this.#session.get(`${path}/stats`),
    ]);
    if (formula.id !== this.#formula?.id) return;
    this.#own = own;
    this.#showStats(stats);
    // One's own stands among the newest, or before them where it is older.
    const isAmong = newest.some(({ id }) => id === own?.id);
    const shown = own && !isAmong ? [own, ...newest] : newest;
    this.#list.replaceChildren(...shown.map((review) => this.#row(review)));
    this.#empty.hidden = shown.length > 0;
    this.#showOwn();
  }

  #showStats({ total_reviews: total, average_rating: average, rating_distribution: spread }) {
    this.#stats.hidden = !total;
    if (!total) return;
    this.#stats.replaceChildren(el('p', { class: 'rating-mean' }, el('b', {}, average.toFixed(1)), ` of 5 · ${total === 1 ? '1 review' : `${total} reviews`}`),
      ...[5, 4, 3, 2, 1].map((points) => el('p', { class: 'rating-bar' },
        el('span', {}, `${points} ★`), el('meter', { min: 0, max: total, value: spread[points], 'aria-label': `${points} points` }), el('span', {}, String(spread[points])))));
  }

  #showOwn() {
    this.#delete.hidden = this.#own === null;
    this.#form.querySelector('[type=submit]').textContent = this.#own ? 'Change review' : 'Publish review';
    if (!this.#own) return;
    this.#form.elements.rating.value = String(this.#own.rating);
    this.#form.elements.comment.value = this.#own.comment;
    this.#form.elements.is_anonymous.checked = this.#own.is_anonymous;
  }

  #row({ user, rating, comment, created_at: at }) {
    const by = user ? user.username : 'A subscriber';
    return el('li', { class: 'row review' },
      el('p', { class: 'review-head' },
        el('span', { class: 'stars', role: 'img', 'aria-label': `${rating} of 5` }, '★'.repeat(rating) + '☆'.repeat(5 - rating)),
        el('b', {}, by), stamp(at, { class: 'aside' })),
      comment && el('p', { class: 'review-words' }, comment));
  }

  async #save({ rating, comment, is_anonymous: isAnonymous }) {
    const body = { rating: Number(rating.value), comment: comment.value.trim(), is_anonymous: isAnonymous.checked };
    if (this.#own) await this.#session.put(`reviews/${this.#own.id}`, body);
    else await this.#session.post('reviews/', { ...body, formula_id: this.#formula.id });
    await this.#changed();
  }

  async #remove(button) {
    if (!(await confirmed('Take your review back?', 'It goes from the page and from the rating.', 'Take it back'))) return;
    await whileBusy(button, () => reporting(this.#problem, async () => {
      await this.#session.delete(`reviews/${this.#own.id}`);
      this.#form.reset();
      await this.#changed();
    }));
  }

  async #changed() {
    say(this.#problem);
    await this.#read();
    await this.#onChange();
  }
}
