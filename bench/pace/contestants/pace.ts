import { isPaceError } from "../../../packages/pace/src/error.ts";
import { createPace } from "../../../packages/pace/src/pace.ts";
import { ATTEMPTS, type Contestant, isRefusal, type Job, type JobEnd } from "../contestant.ts";

const ADDRESS = "https://service.example/";

/** What is measured here. */
export const pace: Contestant = {
  name: "pace",
  told: "createPace() as it is",
  hearsLevels: true,
  open: async () => {
    const jobs = new Map<string, Job>();
    let count = 0;
    const one = createPace(
      { attempts: ATTEMPTS },
      {
        // Of an answer pace looks at the status, the fields and, of a refusal, the body: there is none.
        fetch: async (input) => ({ ...(await (jobs.get(String(input)) as Job).ask()), body: null }) as unknown as Response,
      },
    );
    return {
      do: async (job): Promise<JobEnd> => {
        const address = `${ADDRESS}${count++}`;
        jobs.set(address, job);
        const { class: name, requester, deadlineMs } = job;
        try {
          return isRefusal(await one.with({ class: name, requester, deadlineMs }).fetch(address)) ? "given-up" : "done";
        } catch (error) {
          if (!isPaceError(error)) throw error;
          return error.code === "too-late" ? "turned-away" : "given-up";
        } finally {
          jobs.delete(address);
        }
      },
    };
  },
};
