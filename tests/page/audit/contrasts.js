// Every visible text with its contrast to what is behind it, as WCAG 2 computes it, and the contrast that it needs.
// Colours go over a canvas, which makes red, green and blue of any notation.

const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
const context = canvas.getContext('2d', { willReadFrequently: true });
const read = (colour) => {
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
};
const luminance = (rgb) => rgb.slice(0, 3).map((part) => part / 255)
  .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = read(getComputedStyle(at).backgroundColor);
    if (colour[3] === 255) return colour;
  }
  return [255, 255, 255];
};
// What lies half clear over something else.
const over = (element, ground) => {
  const part = Number(getComputedStyle(element).fillOpacity);
  return read(getComputedStyle(element).fill).map((one, index) => one * part + ground[index] * (1 - part));
};
const arcOf = (text) => [...document.querySelectorAll('#ring .broad path')]
  .find((path) => text.endsWith(path.dataset.node) && path.dataset.state === 'up');
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent.trim();
  const style = getComputedStyle(element);
  if (!text || !element.checkVisibility() || element.closest('.unseen, noscript, script, title, .skip')) continue;
  const drawn = element.closest('svg');
  const arc = element.closest('#ring .names') && arcOf(text);
  const stripe = element.matches('.lens .inside') && element.parentElement.querySelector('rect');
  const under = behind(drawn ? drawn.parentElement : element);
  const ground = arc || stripe ? over(arc || stripe, under) : under;
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  found.push({ text, ratio: contrast(read(drawn ? style.fill : style.color), ground), needed: large ? 3 : 4.5 });
}
return found;
