import { z } from 'zod';

export const Liveness = z.object({ alive: z.literal(true) }).meta({ id: 'Liveness' });

export const Readiness = z
  .object({ ready: z.boolean(), reasons: z.array(z.string()).meta({ description: 'Why the pod is not ready.' }) })
  .meta({ id: 'Readiness' });
