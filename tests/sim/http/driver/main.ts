/** One seed. The harness names the processes and the people in the argument. */
import { Simulation, type Settings } from "./simulation";
import { Harness } from "./wire";

const harness = new Harness();
const simulation = new Simulation(JSON.parse(process.argv[2]!) as Settings, harness);
try {
  await simulation.run();
  harness.tell({
    do: "done",
    counts: simulation.record.counts,
    lists: simulation.ownedLists,
  });
} catch (error) {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  harness.tell({ do: "failed", what, counts: simulation.record.counts });
}
simulation.close();
