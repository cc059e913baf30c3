#!/usr/bin/env bash
# Breaks the library one line at a time, in a copy, and checks that a model or a test notices each time.
#
#   loom-tests/mutations.sh [WORD...]     only the mutations whose names contain one of the words
#
# Prints a table in Markdown. Fails if a mutation survives that is not explained here, or can no longer be applied.
# Takes about half an hour on two cores. `MUTATIONS_TARGET` keeps the build between runs.
set -euo pipefail

# Read to the end before it runs: it may be edited meanwhile.
{

root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CARGO_TARGET_DIR=${MUTATIONS_TARGET:-$work/target} RUST_BACKTRACE=0
# What is built is run once: most of the time goes into building it.
export CARGO_INCREMENTAL=1 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_DEBUG=0
only=("${@:-}")
caught=0 explained=0 survived=()

# Work on what is committed and what is not, but on nothing that is ignored.
mkdir "$work/repo"
cd "$root"
git ls-files -z --cached --others --exclude-standard | xargs -0 tar cf - | tar xf - -C "$work/repo"
cd "$work/repo"

# Few preemptions are soon tried, and enough for most.
models() {
    LOOM_MAX_PREEMPTIONS=2 models_within_their_bounds "$@" && models_within_their_bounds "$@"
}

models_within_their_bounds() {
    RUSTFLAGS='--cfg loom --cfg crossbeam_loom' timeout 600 \
        cargo test -q -p loom-tests --release -- --fail-fast "$@"
}

# What notices the mutation: the name of the first model or test that fails, or nothing. WHERE: words that names of
# models contain; `shuttle:WORD` for compositions, which are run if no model notices, and `test:NAME` for files of tests,
# which are run last. Empty: all models.
verdict() { # WHERE..
    local word name filters=() compositions=() files=()
    for word in "$@"; do
        case $word in
        test:*) files+=(--test "${word#test:}") ;;
        shuttle:*) compositions+=("${word#shuttle:}") ;;
        *) filters+=("$word") ;;
        esac
    done
    if [[ ${#filters[@]} -gt 0 || $# -eq 0 ]] && ! models "${filters[@]}" >"$work/out" 2>"$work/err"; then
        name=$(sed -n 's/^failed: //p' "$work/out" | head -n 1)
        # A model that aborts, or runs out of time, has printed its name and nothing else.
        [[ -n $name ]] || name=$(grep -a . "$work/out" | tail -n 1)
        [[ -n $name ]] || name='none: it does not compile'
        sed 's/^/model: /; s/ *$//' <<<"$name"
    elif [[ ${#compositions[@]} -gt 0 ]] && ! schedules "${compositions[@]}" >"$work/out" 2>"$work/err"; then
        name=$(sed -n 's/^failed: //p' "$work/out" | head -n 1)
        [[ -n $name ]] || name=$(grep -a . "$work/out" | tail -n 1)
        [[ -n $name ]] || name='none: it does not compile'
        sed 's/^/composition: /; s/ *$//' <<<"$name"
    elif [[ ${#files[@]} -gt 0 ]] && ! tests "${files[@]}" >"$work/out" 2>&1; then
        name=$(sed -n 's/^    \([a-z_0-9:]*\)$/\1/p' "$work/out" | head -n 1)
        # A test that hangs or aborts names nothing but its file.
        grep -q '^error\[E\|^error: could not compile' "$work/out" && name='none: it does not compile'
        echo "test: ${name:-one of ${files[*]}, which does not end}"
    fi
}

schedules() {
    SHUTTLE_ITERATIONS=20000 timeout 600 cargo test -q -p shuttle-tests --release -- "$@"
}

tests() {
    timeout 300 cargo test -q -p lazy-limiter --all-features "$@"
}

# Applies SED to FILE; WHERE chooses what is to notice, as in `verdict`. A mutation that is known to survive says WHY.
mutate() { # NAME FILE SED WHERE [WHY]
    local name=$1 file=$2 edit=$3 filter=$4 why=${5:-} by
    local word chosen=
    for word in "${only[@]}"; do
        [[ $name == *"$word"* ]] && chosen=1
    done
    [[ $chosen ]] || return 0
    cp "$file" "$work/saved"
    sed -i "$edit" "$file"
    if cmp -s "$file" "$work/saved"; then
        by='CANNOT BE APPLIED'
    else
        # shellcheck disable=SC2086
        by=$(verdict $filter)
    fi
    cp "$work/saved" "$file"
    case $by in
    '' )
        if [[ -n $why ]]; then
            explained=$((explained + 1)) by="*survives*: $why"
        else
            survived+=("$name") by='**SURVIVED**'
        fi ;;
    'CANNOT BE APPLIED' | *'does not compile') survived+=("$name ($by)") by="**$by**" ;;
    *) caught=$((caught + 1)) ;;
    esac
    printf '| %s | `%s` | %s |\n' "$name" "${file#src/}" "$by"
}

kernel=src/kernel keyed=src/keyed

echo '| mutation | file | caught by |'
echo '|---|---|---|'

# Orderings.

mutate 'exchange publishes nothing (AcqRel → Acquire)' $kernel/packed.rs \
    's/(word, next, Ordering::AcqRel,/(word, next, Ordering::Acquire,/' ''
mutate 'exchange sees nothing (AcqRel → Release)' $kernel/packed.rs \
    's/(word, next, Ordering::AcqRel,/(word, next, Ordering::Release,/' ''
mutate 'failed exchange sees nothing (Acquire → Relaxed)' $kernel/packed.rs \
    's/Ordering::AcqRel, Ordering::Acquire)/Ordering::AcqRel, Ordering::Relaxed)/' ''
mutate 'first look of an update is Relaxed' $kernel/packed.rs \
    's/let mut word = self.word.load(Ordering::Acquire)/let mut word = self.word.load(Ordering::Relaxed)/' ''
mutate 'reading the level is Relaxed' $kernel/packed.rs \
    's/split(self.word.load(Ordering::Acquire))/split(self.word.load(Ordering::Relaxed))/' ''
mutate 'pointer is loaded Relaxed' $kernel/boxed.rs \
    's/self.pointer.load(Ordering::Acquire, guard)/self.pointer.load(Ordering::Relaxed, guard)/' 'boxed'
mutate 'pointer publishes nothing (Release → Relaxed)' $kernel/boxed.rs \
    's/(seen, next, Ordering::Release,/(seen, next, Ordering::Relaxed,/' 'boxed'
mutate 'a replaced state is freed at once' $kernel/boxed.rs \
    's/unsafe { guard.defer_destroy(seen) };/drop(unsafe { seen.into_owned() });/' 'boxed'
mutate 'a replaced state is never freed' $kernel/boxed.rs \
    's/unsafe { guard.defer_destroy(seen) };/let _ = \&guard;/' 'boxed'
mutate 'the last state is never freed' $kernel/boxed.rs \
    's/drop(unsafe { pointer.try_into_owned() });/core::mem::forget(pointer);/' 'boxed'
mutate 'gate: passing publishes nothing (AcqRel → Acquire)' $kernel/gate.rs \
    's/fetch_update(Ordering::AcqRel, Ordering::Acquire/fetch_update(Ordering::Acquire, Ordering::Acquire/' 'gate'
mutate 'gate: passing sees nothing (AcqRel → Release)' $kernel/gate.rs \
    's/fetch_update(Ordering::AcqRel, Ordering::Acquire/fetch_update(Ordering::Release, Ordering::Acquire/' 'gate scratch' \
    'the look of the same update has acquired the word that is exchanged. A word comes twice only if it was marked and unmarked between, by one who changed nothing in the limiter: each exit counts the version up'
mutate 'gate: being turned away sees nothing (Acquire → Relaxed)' $kernel/gate.rs \
    's/fetch_update(Ordering::AcqRel, Ordering::Acquire/fetch_update(Ordering::AcqRel, Ordering::Relaxed/' 'gate scratch' \
    'who is admitted acquires by the exchange; who is turned away goes to the lock, or unlinks the key, and looks at the flags with Acquire for that'
mutate 'gate: the look before sealing is Relaxed' $kernel/gate.rs \
    's/let word = gate.0.load(Ordering::Acquire)/let word = gate.0.load(Ordering::Relaxed)/' 'gate'
mutate 'gate: sealing is Relaxed' $kernel/gate.rs \
    's/(word, sealed, Ordering::AcqRel,/(word, sealed, Ordering::Relaxed,/' 'gate scratch'
mutate 'gate: marking is Relaxed' $kernel/gate.rs \
    's/fetch_or(bits(flags), Ordering::AcqRel)/fetch_or(bits(flags), Ordering::Relaxed)/' 'gate scratch' \
    'who marks then enters, and acquires through the same word; who sees the mark takes the lock that the marker holds. A read-modify-write of any ordering carries on what others released'
mutate 'gate: unmarking is Relaxed' $kernel/gate.rs \
    's/fetch_and(!bits(flags), Ordering::AcqRel)/fetch_and(!bits(flags), Ordering::Relaxed)/' 'gate scratch' \
    'who unmarks has the lock and has changed nothing since its last exit; the read-modify-write carries on what others released'
mutate 'gate: the flags are looked at Relaxed' $kernel/gate.rs \
    's/flags(gate.0.load(Ordering::Acquire))/flags(gate.0.load(Ordering::Relaxed))/' 'gate scratch' \
    'who saw the seal was turned away by an Acquire before; a mark is looked at again under the lock'
mutate 'gate: being turned away and the look at the flags are both Relaxed' $kernel/gate.rs \
    's/fetch_update(Ordering::AcqRel, Ordering::Acquire/fetch_update(Ordering::AcqRel, Ordering::Relaxed/; s/flags(gate.0.load(Ordering::Acquire))/flags(gate.0.load(Ordering::Relaxed))/' 'gate scratch'
mutate 'closing keys without a fence' $keyed/verbs.rs \
    's/^        fence(Ordering::SeqCst);/        let _ = fence;/' 'key:'
mutate 'joining a key without a fence' $keyed/acquire.rs \
    's/^                fence(Ordering::SeqCst);/                let _ = fence;/' 'key:'

# What is said in one exchange.

mutate 'exchange without comparing' $kernel/packed.rs \
    's/match self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {/match Ok::<u64, u64>(self.word.swap(next, Ordering::AcqRel)) {/' ''
mutate 'recorded: exchange without comparing' $kernel/packed.rs \
    's/match self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {/match Ok::<u64, u64>(self.word.swap(next, Ordering::AcqRel)) {/' 'test:recorded'
mutate 'a take does not look at the seal' $kernel/limit.rs \
    '/fn take(/,/^    }/s/if !flags.is_none() {/if flags.is_queued() {/' 'key:'
mutate 'a take passes those in line' $kernel/limit.rs \
    's/if !flags.is_none() {/if flags.is_sealed() {/' ''
mutate 'joining does not mark the bucket' $kernel/limit.rs \
    's/flags.with(Flags::QUEUED), Taken::Queued)/flags, Taken::Queued)/' ''
mutate 'any one served takes the mark off' $kernel/limit.rs \
    's/Put(next, marked, Taken::Granted)/Put(next, Flags::NONE, Taken::Granted)/' ''
mutate 'a new bucket is not marked for the line it meets' $kernel/limit.rs \
    's/Put(state.clone(), marked, Taken::Refused(hint))/Keep(Taken::Refused(hint))/' 'key:'
mutate 'giving back does not look at the mark' $kernel/limit.rs \
    's/Put(Algorithm::give_back(self, state, n, now), flags, flags)/Put(Algorithm::give_back(self, state, n, now), flags, Flags::NONE)/' ''
mutate 'giving back does not tell of the seal' $kernel/limit.rs \
    '/fn refund/,/^    }/s/true => Step::Keep(flags)/true => Step::Keep(Flags::NONE)/' 'hand key:'
mutate 'charging does not tell of the seal' $kernel/limit.rs \
    '/fn debit/,/^    }/s/true => Step::Keep(flags)/true => Step::Keep(Flags::NONE)/' 'key:'
mutate 'a retirement does not look at the flags' $kernel/limit.rs \
    's/Flags::NONE if idle() =>/_ if idle() =>/' ''
mutate 'a retirement does not look at the state' $kernel/limit.rs \
    's/Flags::NONE if idle() =>/Flags::NONE =>/' 'boxed key:'
mutate 'an amount is not checked against the new bucket' $kernel/bucket.rs \
    's/let too_much = n > self.capacity();/let too_much = false;/' 'hand small test:keyed_policy' \
    'the kinds that are tried refuse what they cannot hold, and whoever wants too much was woken as the line was weighed anew; the check is for algorithms of one'"'"'s own, which are promised not to be asked for more than the capacity'
mutate 'who wants too much is not told' $kernel/bucket.rs \
    's/Standing::Waiting if n > self.capacity() => {/Standing::Waiting if false => {/' 'hand small test:keyed_policy'
mutate 'gate: sealed while somebody is inside' $kernel/gate.rs \
    's/ || word \& INSIDE != 0 / /' 'gate'
mutate 'gate: an exit is no new version' $kernel/gate.rs \
    's/wrapping_add(VERSION)/wrapping_add(0)/' 'gate'
mutate 'gate: joining does not mark' $kernel/gate.rs \
    '/fn take_or_queue/,/^    }/s/self.queue(gate);/self.flags(gate);/' 'gate'
mutate 'gate: the mark is looked at on entering' $kernel/gate.rs \
    's/^        self.update(|word| admit(flags(word))/        let entered = self.update(|word| admit(flags(word))/; s/Ok((result, left))/{ let _ = left; Ok((result, flags(entered))) }/' 'gate'
mutate 'gate: who is granted after marking leaves the mark' $kernel/gate.rs \
    '/fn take_or_queue/,/^    }/s/if before.is_none() {/if false {/' 'gate'
mutate 'gate: who is inside as it is sealed is told so' $kernel/gate.rs \
    's/|((), flags)| flags.without(Flags::SEALED))/|((), flags)| flags)/' 'gate'
mutate 'gate: what is inside is not waited for' $kernel/gate.rs \
    's/gate.0.load(Ordering::Acquire) & INSIDE == 0/true || gate.0.load(Ordering::Acquire) \& INSIDE == 0/' 'gate:'
mutate 'gate: whether anybody is inside is looked at Relaxed' $kernel/gate.rs \
    's/gate.0.load(Ordering::Acquire) & INSIDE == 0/gate.0.load(Ordering::Relaxed) \& INSIDE == 0/' 'gate:'

# The line.

mutate 'served up to, but not including' $kernel/line.rs \
    's/self.served = head.ticket + 1;/self.served = head.ticket;/' ''
mutate 'the next one counts as granted (<=)' $kernel/line.rs \
    's/match ticket < self.served {/match ticket <= self.served {/' ''
mutate 'the head is not woken to lead' $kernel/line.rs \
    's/wakes.wake(head.waker.take());/let _ = (head, wakes);/' ''
mutate 'serving does not wake the next head' $kernel/bucket.rs \
    's/^                if self.2 {/                if false {/' ''
mutate 'leaving does not wake the next head' $kernel/bucket.rs \
    's/if led || standing == Standing::Granted {/if standing == Standing::Granted {/' ''
mutate 'a dropped grant does not serve the next' $kernel/bucket.rs \
    's/if led || standing == Standing::Granted {/if led {/' ''
mutate 'a dropped grant is not given back' $kernel/bucket.rs \
    's/self.limit.refund(&self.cell, line.refundable(ticket, n), now, seal);/let _ = seal;/' ''
mutate 'the last to hear leaves the mark' $kernel/bucket.rs \
    '/fn release/,/^    }/s/self.limit.unqueue(&self.cell);//' ''
mutate 'the first to hear takes the mark off' $kernel/bucket.rs \
    '/fn release/,/^    }/s/if line.is_unused() {/if true {/' ''
mutate 'a dropped grant comes back whatever room there was' $kernel/bucket.rs \
    's/line.refundable(ticket, n), now, seal/n, now, seal/' 'unheard'
mutate 'room is not noted before a take' $kernel/bucket.rs \
    '/fn serve/,/^    }/s/self.note_room(line, now);//' 'unheard test:waiting' \
    'the level only rises between two takes, and what is noted of the moment of a take, of a charge and of leaving says all'
mutate 'room is not noted of a take' $kernel/bucket.rs \
    '/fn take_locked/,/^    }/s/self.note_taken(line, taken, n, now);//' 'unheard'
mutate 'a waiter that is dropped stays in line' src/wait/mod.rs \
    's/^        if self.spot.is_some() {/        if false {/' ''
mutate 'a thread sleeps though it was signalled before' src/wait/thread.rs \
    's/while !\*raised {/for _ in 0..1 {/' ''
mutate 'a signal is not kept' src/wait/thread.rs \
    's/\*self.raised.lock() = true;/let _ = self.raised.lock();/' ''
mutate 'who leaves leaves its weight' $kernel/line.rs \
    '/fn leave/,/^    }/s/self.cost -= u128::from(entry.cost);//' 'test:waiting'
mutate 'wakers are dropped under the lock' $kernel/line.rs \
    's/self.stale.extend(waker);/drop(waker);/' 'test:foreign_code'

# Noticed by compositions too, where a model is too small or does not look.

mutate 'composition: reclaimed without a seal' $keyed/reclaim.rs \
    's/Some(bucket) if self.retire(bucket, now) => {/Some(bucket) if bucket.is_idle(now) => { let _ = Self::retire; self.table.remove_if(key, |_| true, \&guard);/' 'shuttle:semaphore'
mutate 'composition: any one served takes the mark off' $kernel/limit.rs \
    's/Put(next, marked, Taken::Granted)/Put(next, Flags::NONE, Taken::Granted)/' 'shuttle:' \
    'too rare for random schedules; the model of the same mutation, above, finds it'
mutate 'composition: a dropped grant does not serve the next' $kernel/bucket.rs \
    's/if led || standing == Standing::Granted {/if led {/' 'shuttle:semaphore'
mutate 'composition: removing does not wake the line' $keyed/verbs.rs \
    's/line.wake_head(wakes);/let _ = wakes;/' 'shuttle:removed'
mutate 'composition: a line that is gone is joined' $keyed/lines.rs \
    's/if place.gone {/if false {/' 'shuttle:'
mutate 'composition: unlinked without a look at the seal' $keyed/slots.rs \
    's/|slot: &Slot<A>| slot.bucket().is_none_or(|bucket| bucket.flags().is_sealed())/|_: \&Slot<A>| true/' 'shuttle:'
mutate 'composition: gate: sealed while somebody is inside' $kernel/gate.rs \
    's/ || word \& INSIDE != 0 / /' 'shuttle:scratch'
mutate 'composition: a timeout does not leave the line' src/wait/mod.rs \
    's/^                self.leave(now);/                core::mem::forget(self.spot.take());/' 'shuttle:timed'

# Limits that change.

mutate 'hand over: the old one is not sealed' $kernel/handover.rs \
    's/^        self.seal();//' 'hand'
mutate 'hand over: the new one is full' src/limiter/reconfigure.rs \
    's/Bucket::empty(/Bucket::new(/' 'hand'
mutate 'hand over: the new one is not marked' src/limiter/reconfigure.rs \
    's/Flags::QUEUED/Flags::NONE/' 'hand test:reconfigure'
mutate 'hand over: the mark stays' $kernel/handover.rs \
    's/new.limit.unqueue(&new.cell);//' 'hand'
mutate 'hand over: the debt is forgiven' src/algorithm/mod.rs \
    's/debt => new.consume(state, debt, now),/_ => state.clone(),/' 'test:reconfigure'
mutate 'hand over: nobody is served' $kernel/handover.rs \
    's/new.serve_and_wake_head(line, now, wakes);//' 'hand test:reconfigure'
mutate 'hand over: a key is not detained' $kernel/handover.rs \
    's/!self.limit.queue(&self.cell).is_sealed()/!self.flags().is_sealed()/' 'hand'
mutate 'hand over: a key in use is removed as it was' $keyed/verbs.rs \
    '/fn seal/,/^    }/{s/let live = self.lines/let old = self.held(key, guard); let live = self.lines/; s/let live = self.held(key, guard).is_some_and/let live = old.is_some_and/}' 'hand'
mutate 'closing keys after their lines' $keyed/verbs.rs \
    's/^        self.closed.store(true, Ordering::Relaxed);/self.lines.all().iter().for_each(|line| line.close()); self.closed.store(true, Ordering::Relaxed); return;/' 'key:'
mutate 'the replaced bucket is still looked at' src/limiter/current.rs \
    's/self.later.get() {/self.later.get().filter(|_| false) {/' 'hand'
mutate 'a bucket that was made by the old policy stays' $keyed/slots.rs \
    's/if !Arc::ptr_eq(policy, &current) {/if false \&\& !Arc::ptr_eq(policy, \&current) {/' 'policy'

# Keys.

mutate 'unlinked without a look at the seal' $keyed/slots.rs \
    's/|slot: &Slot<A>| slot.bucket().is_none_or(|bucket| bucket.flags().is_sealed())/|_: \&Slot<A>| true/' 'key:'
mutate 'reclaimed whatever its state' $kernel/limit.rs \
    's/Flags::NONE if idle() =>/Flags::NONE =>/; s/fn is_full(&self, cell: &A::Cell, now: Timestamp) -> bool {/& return true; #[allow(unreachable_code)]/' 'test:reclamation_invisible'
mutate 'who meets a seal does not help' $keyed/slots.rs \
    '/fn on_bucket/,/^    }/s/self.unlink(key, &guard);/let _ = \&guard;/' 'key:'
mutate 'a retirement does not tell its time' $keyed/reclaim.rs \
    's/self.retired.fetch_max(now.as_nanos(), Ordering::Relaxed);//' 'late'
mutate 'who takes from a new bucket may be late' $keyed/reclaim.rs \
    's/^        now.max(Timestamp::from_nanos(self.retired.load(Ordering::Relaxed)))/        now/' 'shuttle:timed'
mutate 'reclaimed without a seal' $keyed/reclaim.rs \
    's/Some(bucket) if self.retire(bucket, now) => {/Some(bucket) if bucket.is_idle(now) => { let _ = Self::retire; self.table.remove_if(key, |_| true, \&guard);/' 'key:'
mutate 'a bucket that another has sealed counts as retired' $kernel/limit.rs \
    '/fn retire/,/^    }/s/_ => Step::Keep(false)/flags => Step::Keep(flags.is_sealed())/' 'candidate:'
mutate 'a removal leaves its candidate to nobody' $keyed/verbs.rs \
    's/^        self.orphans.add(key.clone());//' 'candidate:'
mutate 'a removal that was not one does not make up for a dropped candidate' $keyed/verbs.rs \
    's/if !live \&\& !self.orphans.take(key) {/if !live \&\& !self.orphans.take(key) \&\& false {/' 'candidate:'
mutate 'a candidate that finds no bucket is dropped, orphan or not' $keyed/reclaim.rs \
    '/Removed by name since/,/now + SOON/s/if self.orphans.take(key) {/if self.orphans.take(key) || true {/' 'candidate:'
mutate 'a candidate that finds an orphan is kept' $keyed/reclaim.rs \
    '/fn look_at(/,/let guard/s/if self.orphans.take(key) {/if self.orphans.take(key) \&\& false {/' 'candidate:'
mutate 'a new bucket is not marked for its line' $keyed/slots.rs \
    's/if line.is_unused() { Flags::NONE } else { Flags::QUEUED }/Flags::NONE/' 'key:'
mutate 'a late bucket does not look for its line' $keyed/slots.rs \
    's/if self.lines.find(key).is_some() {/if false {/' 'key:' \
    'whoever looks at the line next marks the bucket, and its head was woken by the removal; until then a taker that came before the line may pass, and hints are in the old measure'
mutate 'removing does not forget grants' $keyed/verbs.rs \
    's/line.forget_grants();//' 'key: test:keyed'
mutate 'removing does not wake the line' $keyed/verbs.rs \
    's/line.wake_head(wakes);/let _ = wakes;/' 'key:'
mutate 'a discarded line is not marked as gone' $keyed/lines.rs \
    's/place.gone = true;//' 'key:'
mutate 'a line that is gone is joined' $keyed/lines.rs \
    's/if place.gone {/if false {/' 'key:'
mutate 'a joiner does not look whether the keys are closed' $keyed/acquire.rs \
    's/if limiter.closed.load(Ordering::Relaxed) {/if false {/' 'key:'
mutate 'a key that finds no room takes one off the count' $keyed/slots.rs \
    's/if admitted { Some(KeyTicket(Some(&self.keys))) } else { None }/admitted.then_some(KeyTicket(Some(\&self.keys)))/' 'key:'
mutate 'unlinking does not count down' $keyed/slots.rs \
    's/is_some() \&\& self.max_keys != usize::MAX {/is_some() \&\& self.max_keys == 0 {/' 'key:'
mutate 'a line is not weighed anew' $kernel/handover.rs \
    's/line.reweigh(self.capacity(), |n| self.limit.weight(n), wakes);/let _ = (line, wakes);/' 'test:reconfigure'
mutate 'a charge does not note the room' src/limiter/mod.rs \
    's/self.with_line(|bucket, line, _| bucket.note_room(line, now));//' 'test:unheard_charge'
mutate 'a lease returns all that is left' src/limiter/lease.rs \
    's/(self.left().min(algorithm.outstanding(self.taken, self.since, now)), now)/{ let _ = algorithm; (self.left(), now) }/' 'lease:'
mutate 'a lease is returned at a date from before the look' src/limiter/lease.rs \
    's/let mut now = Timestamp::ZERO;/let now = limiter.clock.now();/; s/^                now = limiter.clock.now();//' 'lease:'
mutate 'a lease dates from after the take' src/limiter/lease.rs \
    's/Ok(Lease { limiter: self, left: taken.parts(), taken, since, generation })/Ok(Lease { limiter: self, left: taken.parts(), taken, since: self.clock.now().max(since), generation })/' 'lease:'
mutate 'a lease is returned to whatever bucket there is' src/limiter/lease.rs \
    's/if limiter.current.generation() != self.generation {/if false {/' 'lease:'
mutate 'a bucket is counted as replaced only too early' src/limiter/current.rs \
    's/self.replaced.fetch_add(1, Ordering::Release);//; s/let later = self.later.get_or_init/self.replaced.fetch_add(1, Ordering::Release); &/' 'lease:'

echo
echo "$((caught + explained + ${#survived[@]})) mutations: $caught caught, $explained survive for a reason, ${#survived[@]} unexplained"
[[ ${#survived[@]} -eq 0 ]] || { printf 'unexplained: %s\n' "${survived[@]}" >&2; exit 1; }
exit
}
