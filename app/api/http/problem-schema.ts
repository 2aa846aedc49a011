import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../../domain/problem.ts';

const CODES = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

/** `problemDocument` as the OpenAPI document shows it. */
export const ProblemSchema = z
  .object({
    type: z.string().meta({ example: 'urn:holdfast:problem:insufficient_funds' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().meta({ description: 'The path of the request.' }),
    code: z.enum(CODES).meta({ description: 'Stable, for programs.' }),
    correlationId: z.string(),
    transactionId: z.string().optional().meta({ description: 'The id to look up or to send again.' }),
    errors: z
      .array(z.object({ pointer: z.string().meta({ description: 'JSON pointer (RFC 6901).' }), detail: z.string() }))
      .optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457.' });
