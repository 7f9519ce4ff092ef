// Draws the QR code that the server has computed: its path alone is taken over, nothing else of the document.

const SVG = 'http://www.w3.org/2000/svg';

/** The picture named `label`, or nothing where `text` is not the SVG it should be. */
export function qrCode(text, label) {
  const source = new DOMParser().parseFromString(text, 'image/svg+xml');
  const [frame, drawn] = [source.querySelector('svg'), source.querySelector('path')];
  if (!frame || !drawn) return null;
  const picture = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', drawn.getAttribute('d'));
  for (const [name, value] of [['viewBox', frame.getAttribute('viewBox')], ['role', 'img'], ['aria-label', label], ['class', 'qr']]) {
    picture.setAttribute(name, value);
  }
  picture.append(path);
  return picture;
}
