// What can be focused, or tells something, without a name that a screen reader could say.

const controls = 'button, a[href], input, summary, [tabindex="0"], [role=slider], progress';
const kinds = `${controls}, [role=region], section, dialog`;
const textOf = (id) => document.getElementById(id)?.textContent;
// What stands in it names only some kinds of things.
const byContent = 'button, a, summary';
const names = (one) => [
  one.getAttribute('aria-label'),
  one.matches(byContent) ? one.textContent : '',
  one.labels?.[0]?.textContent,
  textOf(one.getAttribute('aria-labelledby')),
];
return [...document.querySelectorAll(kinds)]
  .filter((one) => one.checkVisibility() && !one.closest('[aria-hidden=true]'))
  .filter((one) => !names(one).some((words) => words?.trim()))
  .map((one) => one.outerHTML.slice(0, 200));
