// Figures in words for people. The page is in English, so its numbers are too.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const three = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `12,345` */
export const count = (number) => whole.format(number);

/** `12,345`, and from ten millions on `12.3 M` */
export const roughly = (number) => (number < 1e7 ? count(number) : `${three.format(number / 1e6)} M`);

/** As a key of sorting: `n2` comes before `n10`. */
export const byName = new Intl.Collator("en", { numeric: true }).compare;

/** `1.23 MiB` */
export function bytes(number) {
  const step = number < 1 ? 0 : Math.min(Math.floor(Math.log2(number) / 10), BYTES.length - 1);
  return `${three.format(number / 1024 ** step)} ${BYTES[step]}`;
}

/** `12.3 MiB/s` */
export const bytesPerSecond = (number) => `${bytes(number)}/s`;

/** What happens so often a second: `0.2`, `41.3`, `1,234`, `1.23 M` */
export function perSecond(number) {
  if (number >= 1e6) return `${three.format(number / 1e6)} M`;
  return number >= 100 ? whole.format(number) : three.format(number);
}

/** `0.31 ms`, `1.25 s` */
export const milliseconds = (number) =>
  number >= 1000 ? `${three.format(number / 1000)} s` : `${three.format(number)} ms`;

/** `850 µs`, `1.2 ms` */
export const microseconds = (number) =>
  number < 1000 ? `${three.format(number)} µs` : milliseconds(number / 1000);

/** `33.1 %` */
export const percent = (part) => `${(part * 100).toFixed(1)} %`;

/** `13 s`, `2 min 5 s`, `3 h 12 min`, `5 d 2 h` */
export function duration(seconds) {
  const [d, h, min, s] = [
    Math.floor(seconds / 86400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
    Math.floor(seconds) % 60,
  ];
  if (d > 0) return `${d} d ${h} h`;
  if (h > 0) return `${h} h ${min} min`;
  return min > 0 ? `${min} min ${s} s` : `${s} s`;
}

/** How long ago a node was heard: `now`, `73 s ago`, `5 min ago` */
export function ago(ms) {
  if (ms < 2000) return "now";
  const [unit, size] = [["d", 86400e3], ["h", 3600e3], ["min", 60e3], ["s", 1e3]].find(([, size]) => ms >= 2 * size);
  return `${Math.floor(ms / size)} ${unit} ago`;
}

/** `16:04:12`, on the reader's clock */
export const clock = (time) => new Date(time).toLocaleTimeString("en-GB");

/** `21 Nov, 16:04:12` */
export function dayAndClock(time) {
  const day = new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return `${day}, ${clock(time)}`;
}

/** `1 key`, `2 keys` */
export const some = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;
