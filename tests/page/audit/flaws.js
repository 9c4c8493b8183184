// What is wrong with the document itself.

const flaws = [];
const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => flaws.push(`two elements are called ${id}`));
for (const name of ['aria-labelledby', 'aria-describedby', 'for']) {
  for (const one of document.querySelectorAll(`[${name}]`)) {
    const lost = one.getAttribute(name).split(' ').filter((id) => !ids.includes(id));
    lost.forEach((id) => flaws.push(`${name} leads to no ${id}`));
  }
}
let level = 0;
for (const heading of document.querySelectorAll('h1, h2, h3, h4')) {
  const now = Number(heading.tagName[1]);
  if (now > level + 1) flaws.push(`a level is left out before ${heading.textContent}`);
  level = now;
}
for (const table of document.querySelectorAll('table')) {
  if (!table.caption?.textContent) flaws.push('a table has no caption');
  table.querySelectorAll('th:not([scope])').forEach((th) => flaws.push(`no scope: ${th.textContent}`));
}
for (const one of ['header', 'main', 'footer', 'h1']) {
  if (document.querySelectorAll(`body > ${one}, ${one}:not(noscript *)`).length < 1) flaws.push(`there is no ${one}`);
}
document.querySelectorAll('[style*="javascript"], [onclick]').forEach((one) => flaws.push(one.outerHTML));
return flaws;
