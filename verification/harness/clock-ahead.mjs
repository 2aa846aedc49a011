/** Loaded first (`NODE_OPTIONS=--import=…`): the wall clock of this process is CLOCK_AHEAD_MS ahead of the machine's. */
const aheadMs = Number(process.env['CLOCK_AHEAD_MS']);
const machineNow = Date.now;
const now = () => machineNow() + aheadMs;

globalThis.Date = new Proxy(Date, {
  construct: (target, args) => Reflect.construct(target, args.length === 0 ? [now()] : args),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
