//! The checker must be able to fail: on a cell that is not one, and on records that were tampered with.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lazy_limiter::{Algorithm, Rate, Timestamp, TokenBucket, Tokens};

use super::chain::{Chain, chains};
use super::diary::{Act, Diary, Log, Numbered, Step, Wide};
use super::ideal::Policy;

const POLICY: Policy = Policy { capacity: 1000, each: 1000, grain: 1 };

type Bucket = Diary<TokenBucket, Wide>;

fn bucket(log: &Arc<Log>) -> Bucket {
    let bucket = TokenBucket::new(POLICY.capacity, Rate::new(1, Duration::from_nanos(POLICY.each)));
    Diary::new(bucket, log)
}

/// Loads, computes and stores, without comparing.
fn take_from_a_broken_cell(bucket: &Bucket, cell: &Mutex<<Bucket as Algorithm>::State>, now: Timestamp) {
    let seen = *cell.lock().unwrap();
    if let Ok(next) = bucket.try_take(&seen, Tokens::from(1), now) {
        thread::yield_now();
        *cell.lock().unwrap() = next;
    }
}

#[test]
fn a_cell_that_does_not_compare_is_found_out() {
    let log = Log::new(3);
    let bucket = bucket(&log);
    let cell = Mutex::new(bucket.start(Timestamp::ZERO));
    thread::scope(|scope| {
        for thread in 1..=2 {
            let (log, bucket, cell) = (&log, &bucket, &cell);
            scope.spawn(move || {
                log.enter(thread);
                for step in 0..20_000 {
                    take_from_a_broken_cell(bucket, cell, Timestamp::from_nanos(step * 500));
                    log.done();
                }
            });
        }
    });
    let Numbered(_, last) = *cell.lock().unwrap();
    let found =
        chains(&log.steps(), &[last]).expect_err("two threads that take turns 20,000 times clash once");
    assert!(found.contains("two successors") || found.contains("from nowhere"), "{found}");
}

/// A run of one thread: what there is to tamper with.
fn honest() -> (Vec<Step>, u64) {
    let log = Log::new(1);
    let bucket = bucket(&log);
    let mut state = bucket.start(Timestamp::ZERO);
    log.done();
    for step in 0..3000 {
        let now = Timestamp::from_nanos(step * 100);
        let n = Tokens::from(1 + step % 3);
        match step % 7 {
            5 => state = bucket.give_back(&state, n, now),
            6 => state = bucket.consume(&state, n, now),
            _ => state = bucket.try_take(&state, n, now).unwrap_or(state),
        }
        log.done();
    }
    (log.steps(), state.1)
}

fn verdict(steps: &[Step], last: u64) -> Result<(), String> {
    let chains = chains(steps, &[last])?;
    chains.iter().try_for_each(|chain| chain.follows(POLICY).and_then(|()| chain.agrees_with_real_time()))
}

#[test]
fn an_honest_run_passes_and_whatever_is_tampered_with_does_not() {
    let (steps, last) = honest();
    assert_eq!(verdict(&steps, last), Ok(()));
    let find = |act: Act| steps.iter().rposition(|step| step.act == act).expect("there is one");
    let spoilt = |spoil: fn(&mut Vec<Step>, usize), at: usize| {
        let mut steps = steps.clone();
        spoil(&mut steps, at);
        verdict(&steps, last).expect_err("tampered with")
    };
    let (take, refusal) = (find(Act::Take), find(Act::Refuse));
    assert!(spoilt(|steps, at| _ = steps.remove(at), take).contains("from nowhere"));
    assert!(spoilt(|steps, at| steps[at].before = steps[at / 2].before, take).contains("two successors"));
    assert!(spoilt(|steps, at| steps[at].n *= 1000, take).contains("granted, though"));
    assert!(spoilt(|steps, at| steps[at].now -= steps[at].now / 2, take).contains("granted, though"));
    assert!(spoilt(|steps, at| steps[at].n = 1, refusal).contains("refused, though"));
    assert!(spoilt(|steps, at| steps[at].to = 0, take).contains("over before"));
}

#[test]
fn one_more_than_the_envelope_has_room_for_is_found() {
    let step = |n: u64, now: u64| Step {
        act: Act::Take,
        n: n << 20,
        now,
        before: now,
        after: now + 1,
        from: 0,
        to: 0,
    };
    // A thousand at once, and one more for each thousand nanoseconds.
    let within = Chain { steps: vec![step(1000, 0), step(5, 5000), step(995, 1_000_000)] };
    assert_eq!(within.stays_within(POLICY), Ok(()));
    let past = Chain { steps: vec![step(1000, 0), step(5, 4999)] };
    assert!(past.stays_within(POLICY).is_err());
}
