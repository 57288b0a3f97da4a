use std::time::Instant;

use sqlx::PgPool;

use super::*;

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_new_job_starts_at_once(pool: PgPool) {
    let (test, redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    let worker = Worker::start(&test.ctx, &redis).await;
    queue(&test, &[quick_job()]).await;
    until_jobs(&test, 1, "done").await;

    let mut took = Vec::new();
    for done in 2..=21 {
        let started = Instant::now();
        queue(&test, &[quick_job()]).await;
        until_jobs(&test, done, "done").await;
        took.push(started.elapsed());
    }
    took.sort();
    worker.stop().await;

    println!("queued to done: median {:?}, longest {:?}", took[10], took[19]);
    assert!(
        took[10] < Duration::from_millis(400),
        "slower than polling by the relay: {took:?}"
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn losing_all_data_of_redis_only_delays_jobs(pool: PgPool) {
    let (test, redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    let wake_queue = WakeQueue::connect(&redis.url()).await.unwrap();
    queue(&test, &std::array::from_fn::<Job, 50, _>(|_| quick_job())).await;
    relay::wake_due(&test.ctx.pool, &wake_queue, &Queue::ALL).await.unwrap();

    redis.flush().await;
    let worker = Worker::start(&test.ctx, &redis).await;
    // After half a minute the relay considers wake-ups lost.
    test.execute("UPDATE jobs SET woken_at = now() - interval '31 s'").await;

    until_jobs(&test, 50, "done").await;
    worker.stop().await;
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn restarting_redis_only_delays_jobs(pool: PgPool) {
    let (test, mut redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    let worker = Worker::start(&test.ctx, &redis).await;
    queue(&test, &[quick_job()]).await;
    until_jobs(&test, 1, "done").await;

    redis.kill();
    redis.start_again().await;
    queue(&test, &[quick_job(), quick_job()]).await;

    until_jobs(&test, 3, "done").await;
    worker.stop().await;
}
