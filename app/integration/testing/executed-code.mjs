/**
 * Preloaded into a role (`--import`): answers each message from its parent with the functions of app/ that have run
 * since the previous message, each with its offset in the file, such as `app/domain/ids.ts#1234`. Every Lua script of
 * the role, and every file that it includes, writes a line to the log of Redis when it is reached:
 * `executed apply app/redis/lua/includes/rules.lua`.
 */
import fs from 'node:fs';
import { Session } from 'node:inspector/promises';
import { syncBuiltinESMExports } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

process.on('message', async () => {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const executed = result
    .filter(({ url }) => url.startsWith('file:'))
    .flatMap(({ url, functions }) => {
      const file = relative(process.cwd(), fileURLToPath(url));
      if (!file.startsWith('app/')) return [];
      const called = functions.flatMap(({ ranges: [range] }) => (range && range.count > 0 ? [range.startOffset] : []));
      return called.map((offset) => `${file}#${offset}`);
    });
  process.send?.(executed);
});
process.channel?.unref();

const LUA = /^app\/redis\/lua\/(includes\/)?([a-z-]+)\.lua$/;
const { readFileSync } = fs;
/** The script whose includes are being read: they are read right after it. */
let script = '';
/** @param {Parameters<typeof readFileSync>} args */
function readLogging(...args) {
  const content = readFileSync(...args);
  const file = args[0] instanceof URL ? relative(process.cwd(), fileURLToPath(args[0])) : '';
  const [isLua, isInclude, name] = LUA.exec(file) ?? [];
  if (!isLua || typeof content !== 'string') return content;
  if (!isInclude) script = name ?? '';
  const line = `redis.log(redis.LOG_NOTICE, 'executed ${script} ${file}')\n`;
  // The first line of a script contains its flags.
  return isInclude ? line + content : content.replace('\n', `\n${line}`);
}
fs.readFileSync = /** @type {typeof readFileSync} */ (readLogging);
syncBuiltinESMExports();
