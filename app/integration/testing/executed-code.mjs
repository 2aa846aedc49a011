/**
 * Preloaded into a role (`--import`): answers each message of its parent with the functions of app/ that have run since the
 * last one, as `app/domain/ids.ts#1234`, the offset of the function.
 */
import { Session } from 'node:inspector/promises';
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
