#!/usr/bin/env bash
# Espalier under a real Slurm: two virtual nodes on this computer, in a folder that is thrown away. A tiny experiment is
# submitted, then a task is killed, a node is lost, a task is requeued, a shard comes twice and one comes half written; in
# the end each cell is there once. Prints a report in Markdown on stdout, what it does on stderr. Takes some minutes.
#
#   bash cmake/check_slurm.sh >results/measured/slurm.md
#
# Needs root, the Debian packages slurm-wlm and munge, a built tree, and MiniLM with WordNet in .deps/data (quickstart.sh).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"
espalier=$root/build/bin/espalier

say() { printf 'check_slurm: %s\n' "$*" >&2; }
die() {
  say "FAILED: $*"
  say "the folder stays for a look: $D"
  trap - EXIT
  stop_slurm
  exit 1
}
missing() {
  say "$1"
  say "what to do: $2"
  exit 2
}
[ "$(id -u)" -eq 0 ] || missing "slurmctld and slurmd are started as root" "run it as root on a machine of your own"
[ -x "$espalier" ] || missing "$espalier is not there" "bash cmake/quickstart.sh build"
[ -f .deps/data/minilm/config.json ] && [ -f .deps/data/wordnet/train.tsv ] ||
  missing "MiniLM or WordNet is not in .deps/data" "bash cmake/quickstart.sh build"
for program in slurmctld slurmd sbatch munged; do
  command -v $program >/dev/null ||
    missing "there is no $program" "apt-get install -y --no-install-recommends slurm-wlm munge"
done

D=$(mktemp -d /tmp/espalier-slurm-XXXXXX)
H=$(hostname)
export ESPALIER_DATA=$root/.deps/data ESPALIER_CACHE=$D/cache TMPDIR=$D/local SLURM_CONF=$D/slurm.conf
mkdir -p "$D"/{state,spool.n1,spool.n2,log,run,munge,local,bin,work/results}
chmod 700 "$D/munge"
chmod 755 "$D" "$D/run"

start_node() { slurmd -f "$SLURM_CONF" -N "$1"; }
pid_of() { cat "$D/run/$1.pid" 2>/dev/null || echo 0; }
stop_slurm() {
  local name pid
  scancel --user=root 2>/dev/null || true
  sleep 3
  for name in slurmd.n1 slurmd.n2 slurmctld munged; do
    pid=$(pid_of $name)
    [ "$pid" = 0 ] || kill "$pid" 2>/dev/null || true
  done
}
finish() {
  stop_slurm
  rm -rf "$D"
}
trap finish EXIT
trap 'say "FAILED at line $LINENO: $BASH_COMMAND"' ERR

say "a Slurm of two nodes in $D"
head -c 1024 /dev/urandom >"$D/munge/munge.key"
chmod 400 "$D/munge/munge.key"
munged --key-file="$D/munge/munge.key" --socket="$D/run/munge.sock" --pid-file="$D/run/munged.pid" \
  --log-file="$D/munge/munged.log" --seed-file="$D/munge/munged.seed" >&2
cat >"$SLURM_CONF" <<CONF
ClusterName=espalier
SlurmctldHost=$H(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$D/run/munge.sock
CredType=cred/munge
StateSaveLocation=$D/state
SlurmdSpoolDir=$D/spool.%n
SlurmctldPidFile=$D/run/slurmctld.pid
SlurmdPidFile=$D/run/slurmd.%n.pid
SlurmctldLogFile=$D/log/slurmctld.log
SlurmdLogFile=$D/log/slurmd.%n.log
SlurmctldPort=16817
SlurmdTimeout=15
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
MpiDefault=none
ReturnToService=2
MailProg=$(type -P true)
SwitchType=switch/none
MinJobAge=3600
NodeName=n1 NodeHostname=$H NodeAddr=127.0.0.1 Port=16821 CPUs=1 RealMemory=1000 State=UNKNOWN
NodeName=n2 NodeHostname=$H NodeAddr=127.0.0.1 Port=16822 CPUs=1 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld -f "$SLURM_CONF"
start_node n1
start_node n2
for _ in $(seq 60); do
  [ "$(sinfo --noheader --Node --states=idle | wc -l)" -lt 2 ] || break
  sleep 1
done
[ "$(sinfo --noheader --Node --states=idle | wc -l)" -ge 2 ] || die "the nodes do not come up: $(sinfo --Node)"

# Every call of the controller that espalier makes goes through this and is counted.
sbatch=$(command -v sbatch)
cat >"$D/bin/sbatch" <<CALL
#!/bin/bash
echo "sbatch \$*" >>"$D/calls"
exec "$sbatch" "\$@"
CALL
for other in squeue scontrol sacct srun scancel; do
  printf '#!/bin/bash\necho "%s $*" >>"%s/calls"\nexec "%s" "$@"\n' $other "$D" "$(command -v $other)" >"$D/bin/$other"
done
chmod +x "$D"/bin/*

experiment() {  # NAME SEEDS
  cat >"$D/work/$1.toml" <<TOML
espalier = 1
name = "$1"
question = "Is each cell there once, whatever happens?"
[model.minilm]
family = "bert"
checkpoint = "\${ESPALIER_DATA}/minilm"
train = { epochs = 1, batch = 16, learning_rate = 1e-4 }
[dataset.wordnet]
format = "text-classification"
train = "\${ESPALIER_DATA}/wordnet/train.tsv"
validation = "\${ESPALIER_DATA}/wordnet/validation.tsv"
test = "\${ESPALIER_DATA}/wordnet/test.tsv"
limit = { train = 96, validation = 48, test = 96 }
max_tokens = 24
[[grid]]
model = "minilm"
dataset = "wordnet"
granularity = ["head", "head-channel"]
scorer = "random"
sparsity = [0.25, 0.5, 0.75]
seed = $2
TOML
}
submit() {  # NAME WORD...: prints the job's number
  (cd "$D/work" && PATH=$D/bin:$PATH "$espalier" submit "$1.toml" --partition main --json "${@:2}" |
    sed -n 's/.*"array_job": "\([0-9]*\)".*/\1/p')
}
count() { (cd "$D/work" && "$espalier" status "results/$1.db" --json | sed -n "s/^ *\"$2\": \([0-9]*\),*$/\1/p" | head -n 1); }
wait_for_end() {  # JOB: of it and of the job that depends on it
  local _
  for _ in $(seq 600); do
    [ -n "$(squeue --noheader 2>/dev/null)" ] || return 0
    sleep 1
  done
  die "job $1 does not end: $(squeue)"
}
wait_for_some() {  # NAME: till a task has brought home a cell that is done
  local _ file
  for _ in $(seq 300); do
    for file in "$D/work/results/$1.submit/shards/"*.db; do
      [ -f "$file" ] || continue
      [ "$("$espalier" status "$file" --json | sed -n 's/^ *"done": \([0-9]*\),*$/\1/p' | head -n 1)" = 0 ] || return 0
    done
    sleep 1
  done
  die "no cell of $1 is done after 300 s"
}
pid_of_task() {  # NAME I
  pgrep -f "bin/espalier worker .*$1.submit/plan.db --shard $2/" | head -n 1 || true
}
# Whole, and each cell once: no cell without its result, none with two attempts that count, and a sound database.
check_whole() {  # NAME CELLS
  [ "$(count "$1" done)" = "$2" ] || die "$1: $(count "$1" done) of $2 cells are done"
  (cd "$D/work" && "$espalier" table "results/$1.db" >/dev/null) || die "$1: no table"
  local rows
  rows=$(cd "$D/work" && "$espalier" cells "results/$1.db" --format csv | tail -n +2 | wc -l)
  [ "$rows" = "$2" ] || die "$1: $rows rows for $2 cells"
}
results=()
passed() { # WHAT SEEN
  say "ok: $1: $2"
  results+=("| $1 | $2 |")
}

say "a submission that nothing happens to"
began=$SECONDS
experiment quiet '[0, 1]'
job=$(submit quiet --tasks 4)
wait_for_end "$job"
check_whole quiet 12
calls=$(wc -l <"$D/calls")
[ "$calls" = 2 ] || die "$calls calls of the controller, expected 2: $(cat "$D/calls")"
passed "12 cells, 4 tasks, 2 nodes" "all done and merged by the dependent job in $((SECONDS - began)) s; calls of the controller: $calls (sbatch, sbatch)"
[ -z "$(ls "$D/local" | grep espalier-shard || true)" ] || die "shards stay on the local disk: $(ls "$D/local")"

say "wall time: a task is told, as Slurm does 2 minutes before the end"
experiment wall '[0, 1]'
(cd "$D/work" && "$espalier" submit wall.toml --tasks 2 --dry-run) >"$D/dry"
sed -i 's/ --home/ --carry-seconds 1 --home/' "$D/work/results/wall.submit/tasks.sbatch"
job=$("$sbatch" --parsable --array=1-2 "$D/work/results/wall.submit/tasks.sbatch")
wait_for_some wall
scancel --signal=TERM --batch "${job}_1"  # what a task hears that is cancelled, or that is not to be started again
wait_for_end "$job"
grep -q '^stopped:' "$D/work/results/wall.submit/logs/"*"-$job-1.txt" || die "task 1 did not stop: $(cat "$D/work/results/wall.submit/logs/"*)"
(cd "$D/work" && "$espalier" merge results/wall.db results/wall.submit/shards) >"$D/merge" || die "merge: $(cat "$D/merge")"
before=$(count wall done)
[ "$before" -lt 12 ] || die "the task was told too late to leave anything"
say "requeue: the same task again goes on from what it carried home"
job=$("$sbatch" --parsable --array=1 "$D/work/results/wall.submit/tasks.sbatch")
wait_for_end "$job"
earlier=$(sed -n 's/.*cells, \([0-9]*\) of them computed by an earlier task.*/\1/p' "$D/work/results/wall.submit/logs/"*"-$job-1.txt")
[ -n "$earlier" ] || die "the task did not go on: $(cat "$D/work/results/wall.submit/logs/"*"-$job-1.txt")"
(cd "$D/work" && "$espalier" merge results/wall.db results/wall.submit/shards) >"$D/merge" || die "merge: $(cat "$D/merge")"
check_whole wall 12
passed "TERM before the wall time, then the task again" "stopped with $before of 12 cells home; the next one found $earlier of its 6 done, computed the rest; all 12 done"

say "wall time: tasks whose time is over have themselves started again"
experiment again '"0..19"'
: >"$D/calls"
job=$(submit again --tasks 2 --time 3)
for _ in $(seq 600); do
  scontrol update "JobId=${job}_1" StartTime=now 2>/dev/null || true
  scontrol update "JobId=${job}_2" StartTime=now 2>/dev/null || true
  [ -n "$(squeue --noheader 2>/dev/null)" ] || break
  sleep 2
done
wait_for_end "$job"
check_whole again 120
requeued=$(grep -c '^scontrol requeue' "$D/calls" || true)
[ "$requeued" -gt 0 ] || die "no task was started again: $(cat "$D/calls" "$D/work/results/again.submit/logs/"*)"
told=$(cat "$D/work/results/again.submit/logs/"*"-$job-"[12].txt | grep -c '^its time is over: job' || true)
[ "$told" = "$requeued" ] || die "$requeued calls of scontrol and $told sentences: $(cat "$D/calls")"
others=$(grep -vc '^scontrol requeue\|^sbatch' "$D/calls" || true)
[ "$others" = 0 ] || die "other calls of the controller: $(cat "$D/calls")"
passed "120 cells in 2 tasks of 3 minutes" "told by SIGUSR1 before the end, $requeued times a task had itself started again by one scontrol requeue and went on; all 120 done, merged by the dependent job; no other call of the controller"

say "requeued by the controller in the middle"
experiment requeue '[0, 1]'
job=$(submit requeue --tasks 2)
for _ in $(seq 120); do pid=$(pid_of_task requeue 1); [ -z "$pid" ] || break; sleep 1; done
sleep 15
scontrol requeue "${job}_1"
for _ in $(seq 60); do
  [ -z "$(squeue --noheader --states=PENDING --format=%K --jobs="$job" 2>/dev/null)" ] || break
  sleep 1
done
scontrol update "JobId=${job}_1" StartTime=now 2>/dev/null || true
wait_for_end "$job"
check_whole requeue 12
passed "scontrol requeue of a running task" "it stopped, waited, ran again and finished: all 12 cells done, merged by the dependent job"

say "a task killed with SIGKILL"
experiment killed '[0, 1]'
job=$(submit killed --tasks 2)
for _ in $(seq 120); do pid=$(pid_of_task killed 1); [ -z "$pid" ] || break; sleep 1; done
[ -n "$pid" ] || die "task 1 does not start"
sleep 10
kill -9 "$pid"
wait_for_end "$job"
left=$(count killed waiting)
[ "$left" -gt 0 ] || die "the task was killed too late to leave anything"
job=$(submit killed --tasks 2 --again)
wait_for_end "$job"
check_whole killed 12
passed "kill -9 of a task" "$left cells were left after the merge, and waited; submitted with --again: all 12 done"

say "a node lost, while what ran there goes on unseen"
experiment lost '[0, 1, 2, 3]'
job=$(submit lost --tasks 2)
for _ in $(seq 120); do
  [ "$(squeue --noheader --states=RUNNING --jobs="$job" | wc -l)" -lt 2 ] || break
  sleep 1
done
sleep 5
node=$(squeue --noheader --states=RUNNING --jobs="$job" --format='%N %K' | sed -n 's/ 1$//p')
[ -n "$node" ] || die "task 1 does not run: $(squeue)"
kill -9 "$(pid_of "slurmd.$node")"
for _ in $(seq 120); do
  [ -z "$(sinfo --noheader --Node --states=down | grep "$node" || true)" ] || break
  sleep 1
done
restarted=no
for _ in $(seq 300); do
  scontrol update "JobId=${job}_1" StartTime=now 2>/dev/null || true
  if grep -q 'computed by an earlier task\|^shard 1/2' <(tail -n +2 "$D/work/results/lost.submit/logs/"*"-$job-1.txt"); then
    restarted=yes
    break
  fi
  sleep 2
done
[ $restarted = yes ] || die "the lost task does not start again: $(squeue --long)"
start_node "$node"
wait_for_end "$job"
for _ in $(seq 120); do [ -n "$(pid_of_task lost 1)" ] || break; sleep 1; done
tasks=$(ls "$D/work/results/lost.submit/shards/"shard-1-of-2-*.db | wc -l)
(cd "$D/work" && "$espalier" merge results/lost.db results/lost.submit/shards) >"$D/merge" ||
  die "merge: $(cat "$D/merge")"
check_whole lost 24
passed "kill -9 of slurmd, node down, task requeued by Slurm" "$tasks processes brought home shard 1 of 2 (the lost one too); merged: all 24 cells done, each once, no disagreement"

say "a shard that comes twice, and one that is half written"
folder=$D/work/results/quiet.submit/shards
one=$(ls "$folder"/shard-1-*.db | head -n 1)
cp "$one" "$D/work/copy.db"
size=$(stat -c %s "$one")
head -c $((size / 2)) "$one" >"$D/work/half.db"
rm -f "$D/work/results/again.db"
status=0
(cd "$D/work" && "$espalier" merge results/again.db copy.db half.db results/quiet.submit/shards copy.db) >"$D/merge" 2>"$D/refused" || status=$?
[ $status = 4 ] || die "a half-written shard gives exit code $status, expected 4"
grep -q '^refused: half.db: is cut off' "$D/refused" || die "no word of the half-written shard: $(cat "$D/refused")"
check_whole again 12
passed "the same shard three times, and half of one" "half.db refused by name (exit code 4), the others merged: 12 cells, each once"

commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
cat <<REPORT
# Under a real Slurm

\`bash cmake/check_slurm.sh\`, Slurm $(slurmd -V | sed 's/slurm-wlm //'), two virtual nodes of one processor on one computer ($(nproc --all) processors, shared with other
work), Espalier of commit $commit, $(date -u +%Y-%m-%d), $SECONDS s in all. Each line is a check that ends the run where it fails.

| what happened | what was seen |
| --- | --- |
$(printf '%s\n' "${results[@]}")

The script that was submitted, as 'espalier submit' shows and keeps it:

\`\`\`bash
$(sed "s|$D|/scratch|g; s|$root|/home/me/espalier|g" "$D/work/results/quiet.submit/tasks.sbatch")
\`\`\`

How far the last submission was, as \`espalier status\` says it:

\`\`\`
$(cd "$D/work" && "$espalier" status results/lost.db | sed "s|$D|/scratch|g")
\`\`\`
REPORT
say "all is well, in $SECONDS s"
