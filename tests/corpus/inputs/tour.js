// What a script does all day: closures, generators, promises, big integers, text, dates, exceptions, a hot loop.
const say = globalThis.print ?? console.log;

class Shape {
  #name;
  constructor(name, sides) { this.#name = name; this.sides = sides; }
  get title() { return `${this.#name}/${this.sides}`; }
}
say([new Shape("square", 4), new Shape("triangle", 3)].sort((a, b) => a.sides - b.sides).map((s) => s.title).join(" "));

function* fibonacci() { for (let [a, b] = [0n, 1n]; ; [a, b] = [b, a + b]) yield a; }
let last;
for (const n of fibonacci()) { last = n; if (n > 10n ** 30n) break; }
say(String(last), (last % 97n).toString(16));

say("aXbXc".replaceAll(/x/gi, (m, at) => at), "grün".normalize("NFD").length, "grün".toUpperCase());
say(JSON.stringify({ when: new Date(86400000), list: [1.5, null, undefined, NaN], nested: { "é": true } }));
try { undefined.field; } catch (error) { say(error instanceof TypeError, error.constructor.name); }

let hash = 2166136261;
for (let i = 0; i < 300000; i++) hash = Math.imul(hash ^ (i & 255), 16777619) >>> 0;
say(hash, Math.fround(0.1), (1 / 3).toPrecision(17), (-7) % 3, 2 ** -1074);

const weak = new Map([[NaN, "not a number"], ["key", [..."tuv"]]]);
say(weak.get(NaN), weak.get("key").length, new Float32Array([1e40, -0, 0.1]).join());
Promise.all([1, Promise.resolve(2)]).then((values) => say("later", values.join("+")));
say("now");
