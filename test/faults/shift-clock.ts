/**
 * Preloaded into pratique (`NODE_OPTIONS=--import`): moves its wall clock by PRATIQUE_TEST_SHIFT_MS,
 * as a person, NTP or a restored virtual machine does, right after the journal entry that
 * PRATIQUE_TEST_SHIFT_AT names; without a name after one second.
 */
const shiftMs = Number(process.env.PRATIQUE_TEST_SHIFT_MS ?? 0);
const shiftAt = process.env.PRATIQUE_TEST_SHIFT_AT;
const WallClock = Date;
let movedMs = 0;

globalThis.Date = new Proxy(WallClock, {
  construct: (target, given) =>
    Reflect.construct(target, given.length === 0 ? [target.now() + movedMs] : given),
  get: (target, key) =>
    key === "now" ? () => target.now() + movedMs : Reflect.get(target, key, target),
});

const shift = () => {
  movedMs = shiftMs;
};

if (shiftAt === undefined) setTimeout(shift, 1000).unref();
else {
  Reflect.set(globalThis, Symbol.for("pratique.onStep"), ({ entry }: { entry: string }) => {
    if (entry === shiftAt) shift();
  });
}
