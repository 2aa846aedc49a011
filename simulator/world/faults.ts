import type { SimProcess } from '../core/sim-process.ts';
import type { RedisNode } from '../redis/redis-node.ts';
import type { Fault, FaultKind } from './themes.ts';
import { FORMER, type World } from './world.ts';

/** Starts a fault, and ends it. */
export function begin(world: World, fault: Fault): void {
  if (world.healed) return;
  world.note(
    `fault ${fault.kind} for ${fault.forMs.toFixed(0)} ms (${fault.which.toFixed(2)}, ${fault.part.toFixed(2)})`,
  );
  FAULTS[fault.kind](world, fault);
}

/** Runs a later consequence of a fault, unless everything has been repaired by then. */
const later = (world: World, ms: number, action: () => void): void => {
  world.scheduler.after(ms, () => {
    if (!world.healed) action();
  });
};
const victim = <T>(all: readonly T[], { which }: Fault): T | undefined => all[Math.floor(which * all.length)];

/** Cuts a link in one direction or in both. */
function cut(world: World, process: SimProcess, store: 'redis' | 'mysql', { forMs, part }: Fault): void {
  const link = world.linksOf(process)[store];
  const loses = part * 10 - Math.floor(part * 10) < 0.5;
  if (part < 0.7) link.there.cutFor(forMs, loses);
  if (part > 0.3) link.back.cutFor(forMs, loses);
}

function slow(world: World, process: SimProcess, forMs: number, which: number, store: 'redis' | 'mysql'): void {
  const link = world.linksOf(process)[store];
  for (const way of [link.there, link.back]) way.slowFor(forMs, 50 + which * 2_500);
}

const FAULTS: Record<FaultKind, (world: World, fault: Fault) => void> = {
  redisCrash(world, { forMs }) {
    const node = world.redis.current;
    node?.crash();
    later(world, forMs / 2, () => node?.start());
  },
  redisDiskLost(world, { forMs }) {
    const node = world.redis.current;
    if (!node) return;
    node.crash();
    node.loseDisk();
    later(world, forMs / 2, () => node.start());
  },
  redisFreeze(world, { forMs }) {
    const node = world.redis.current;
    node?.freeze();
    later(world, forMs, () => node?.thaw());
  },
  redisPromote: promote,
  redisSpare(world, { forMs, part }) {
    const old = world.redis.current;
    world.redis.pointTo(world.newNode());
    leave(world, old, part);
    // The address may now lead to the previous server again.
    later(world, forMs, () => {
      if (part < 0.5 && old && old.role === 'master') world.redis.pointTo(old);
      world.redis.agree();
    });
  },
  redisAway(world, { forMs }) {
    const node = world.redis.current;
    world.redis.pointTo(null);
    for (const { redis } of world.livePods) redis.cut();
    later(world, forMs, () => {
      if (world.redis.current === null) world.redis.pointTo(node);
    });
  },
  redisFull(world, { forMs }) {
    if (world.redis.current) world.redis.current.fullUntilMs = world.scheduler.nowMs + forMs;
  },
  repliesLost(world, { forMs, part }) {
    for (const { process } of world.livePods) {
      if (part < 0.4 || world.random.chance(0.5)) world.linksOf(process).redis.back.cutFor(forMs, true);
    }
  },
  podCutFromRedis(world, fault) {
    const pod = victim(world.livePods, fault);
    if (pod) cut(world, pod.process, 'redis', fault);
  },
  podsCutFromRedis(world, fault) {
    for (const { process } of world.livePods) cut(world, process, 'redis', fault);
  },
  keepersCutFromRedis(world, fault) {
    for (const { process } of world.liveKeepers) cut(world, process, 'redis', fault);
  },
  podCutFromMysql(world, fault) {
    const pod = victim(world.livePods, fault);
    if (pod) cut(world, pod.process, 'mysql', fault);
  },
  keeperCutFromMysql(world, fault) {
    const keeper = victim(world.liveKeepers, fault);
    if (keeper) cut(world, keeper.process, 'mysql', fault);
  },
  slowLinks(world, { forMs, which, part }) {
    for (const { process } of [...world.livePods, ...world.liveKeepers]) {
      slow(world, process, forMs, which, part < 0.5 ? 'redis' : 'mysql');
    }
  },
  podPause(world, fault) {
    const pod = victim(world.livePods, fault);
    pause(world, pod?.process, fault.forMs);
  },
  podKill(world, fault) {
    const pod = victim(world.livePods, fault);
    if (!pod) return;
    pod.kill();
    later(world, fault.forMs / 2, () => void world.startPod());
  },
  podStop(world, fault) {
    const pod = victim([...world.serving], fault);
    if (!pod || world.serving.size < 2) return;
    world.serving.delete(pod);
    void pod.process
      .sleep(1_000)
      .then(() => pod.stop())
      .then(() => world.note(`${pod.process.name} has stopped${pod.stoppedWell ? '' : ', and has not handed over'}`));
    later(world, fault.forMs / 2, () => void world.startPod());
  },
  keeperPause(world, fault) {
    pause(world, victim(world.liveKeepers, fault)?.process, fault.forMs * 1.5);
  },
  keeperKill(world, fault) {
    victim(world.liveKeepers, fault)?.process.kill();
    later(world, fault.forMs / 2, () => void world.startKeeper());
  },
  clockJump(world, { which, part }) {
    const processes = [...world.livePods, ...world.liveKeepers].map(({ process }) => process);
    const clocks = [world.redis.current, world.mysql, ...processes];
    clocks[Math.floor(which * clocks.length)]?.jump(Math.floor((part - 0.5) * 60_000));
  },
  mysqlAway(world, { forMs }) {
    world.mysql.goAwayFor(forMs);
  },
  mysqlUnknownCommits(world, { forMs }) {
    world.mysql.unknownCommits = 0.3;
    later(world, forMs * 2, () => {
      world.mysql.unknownCommits = 0;
    });
  },
  flushBlocked(world, { forMs }) {
    world.mysql.blockFlushFor(forMs);
  },
  keepersPause(world, { forMs }) {
    for (const { process } of world.liveKeepers) pause(world, process, forMs);
  },
  slowKeepers(world, { forMs, which, part }) {
    for (const { process } of world.liveKeepers) slow(world, process, forMs, which, part < 0.5 ? 'redis' : 'mysql');
  },
  slowPods(world, { forMs, which, part }) {
    for (const { process } of world.livePods) slow(world, process, forMs, which, part < 0.2 ? 'redis' : 'mysql');
  },
  mostCutFromRedis(world, fault) {
    for (const { process } of world.liveKeepers) cut(world, process, 'redis', fault);
    const spared = victim(world.livePods, fault);
    for (const pod of world.livePods) if (pod !== spared) cut(world, pod.process, 'redis', fault);
  },
  foreignKeeper(world, { forMs }) {
    const foreigner = world.startForeignKeeper();
    later(world, forMs, () => foreigner.process.kill());
  },
  formatMove(world) {
    world.moveFormat();
  },
  formerKeeper(world, fault) {
    liveAs(world, world.startKeeper(FORMER).process, fault);
  },
  formerPod(world, fault) {
    const pod = world.startPod(FORMER);
    liveAs(world, pod.process, fault, () => pod.kill());
  },
  podStart(world, { forMs, which, part }) {
    if (world.livePods.length >= 6) return;
    const { process } = world.startPod();
    if (part < 0.6) slow(world, process, forMs, which, 'mysql');
  },
  mysqlDeadlocks(world, { forMs, part }) {
    world.mysql.deadlocks = 0.2 + part * 0.6;
    later(world, forMs * 2, () => {
      world.mysql.deadlocks = 0;
    });
  },
};

/** Pauses a process from time to time, and kills it at the end of the fault. */
function liveAs(world: World, process: SimProcess, { forMs, part }: Fault, kill = () => process.kill()): void {
  for (let fromMs = forMs * part * 0.3; fromMs < forMs; fromMs += forMs * 0.4) {
    later(world, fromMs, () => pause(world, process, forMs * 0.3));
  }
  later(world, forMs, kill);
}

function pause(world: World, process: SimProcess | undefined, ms: number): void {
  process?.pause();
  later(world, ms, () => process?.resume());
}

/** Most processes connect to the server to which the address leads now; some keep their old connection for a while. */
function leave(world: World, old: RedisNode | null, part: number): void {
  for (const { process, redis } of [...world.livePods, ...world.liveKeepers]) {
    if (world.random.chance(0.2 + 0.7 * part)) redis.cut();
    else world.redis.pointOneTo(process, old);
  }
}

/**
 * A lagging replica is promoted while the old master still serves some processes; later the old master returns as a
 * replica.
 */
function promote(world: World, { forMs, part }: Fault): void {
  const old = world.redis.current;
  if (!old || !world.plan.redisReplicated) return;
  const replica = world.newNode();
  const lag = world.random.whole(0, world.random.pick([0, 2, 2, 12]));
  replica.resyncFrom(old, Math.max(0, old.synced - lag));
  replica.promote();
  world.redis.pointTo(replica);
  leave(world, old, part);
  const resync = () => {
    old.thaw();
    old.demote();
    old.resyncFrom(replica, Math.max(0, replica.synced - world.random.whole(0, 2)));
  };
  // Processes that are still connected to the old master may continue to query a replica.
  if (world.random.chance(0.4)) later(world, world.random.exponential(80), resync);
  const aloneMs = world.random.chance(0.5) ? forMs / 6 : forMs;
  later(world, aloneMs, () => {
    world.redis.agree();
    if (old.state === 'down') return;
    resync();
    for (const { redis } of [...world.livePods, ...world.liveKeepers]) redis.cut();
    // Sometimes the old master is promoted back: it keeps its name, but has lost its data.
    if (part > 0.4 || world.redis.current !== replica) return;
    later(world, 50 + aloneMs / 4, () => {
      if (world.redis.current !== replica || old.state !== 'up') return;
      replica.demote();
      old.promote();
      world.redis.pointTo(old);
      for (const { redis } of [...world.livePods, ...world.liveKeepers]) redis.cut();
    });
  });
}

/** Repairs everything, and resumes all paused processes. */
export function healAll(world: World): void {
  world.note('all is healed');
  world.healed = true;
  world.mysql.heal();
  for (const { process } of [...world.livePods, ...world.liveKeepers]) {
    const { redis, mysql } = world.linksOf(process);
    redis.heal();
    mysql.heal();
    process.resume();
  }
  for (const { process } of world.foreigners) process.kill();
  for (const former of world.formers) former.kill();
  world.redis.agree();
  const node = world.redis.current ?? world.redis.nodes.at(-1) ?? null;
  if (world.plan.redisReturns) {
    world.redis.pointTo(node);
    if (node) node.fullUntilMs = 0;
    node?.thaw();
    node?.start();
    if (node?.role === 'slave') node.promote();
  } else {
    node?.crash();
    world.redis.pointTo(null);
  }
  // After the cut, processes that were still connected to another server connect to the right one.
  for (const { redis } of [...world.livePods, ...world.liveKeepers]) redis.cut();
  while (world.livePods.length < 2) world.startPod();
  if (world.liveKeepers.length === 0) world.startKeeper();
}
