// What can be focused, or tells something, without a name that a screen reader could say.

const kinds = 'button, a[href], input, select, summary, [tabindex="0"], [role=slider], progress, dialog, svg';
const textOf = (id) => document.getElementById(id)?.textContent;
const names = (one) => [
  one.getAttribute('aria-label'),
  one.textContent,
  one.labels?.[0]?.textContent,
  textOf(one.getAttribute('aria-labelledby')),
];
return [...document.querySelectorAll(kinds)]
  .filter((one) => one.checkVisibility() && !one.closest('[aria-hidden=true]'))
  .filter((one) => !names(one).some((words) => words?.trim()))
  .map((one) => one.outerHTML.slice(0, 200));
