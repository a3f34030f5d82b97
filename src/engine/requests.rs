//! What pages and the API ask.

use super::{Actor, Answer, Engine, Output, Refused, Request, RequestId};
use crate::{
    acd::LogoutWhen,
    base::{AgentId, InteractionId, Now},
};

impl Engine {
    /// The reply leaves once the journal has what it confirms.
    pub(super) fn on_request(&mut self, now: Now, id: RequestId, actor: Actor, request: Request) {
        let before = self.last_entry();
        if let Actor::Agent(agent) = actor {
            self.acd.handle_activity(now, agent);
        }
        let changed = request.changed_call();
        let result = if let Request::TryService { service, question } = &request {
            let Some(refused) = self.try_service(now, id, *service, question) else { return };
            Err(refused)
        } else {
            self.obey(now, actor, request)
        };
        self.settle(now);
        // What the reply confirms about a call does not wait for what else happens to it.
        if let Some(call) = changed.filter(|_| result.is_ok()) {
            self.keep_call(call);
        }
        self.save_calls(now);
        let after = self.entry_since(before);
        self.emit_after(Output::Reply { id, result }, after);
    }

    fn obey(&mut self, now: Now, actor: Actor, request: Request) -> Result<Answer, Refused> {
        let acd = &mut self.acd;
        match request {
            Request::SignIn { agent } => acd.sign_in(now, agent, actor)?,
            Request::SignOut { agent } => acd.sign_out(now, agent, actor)?,
            Request::ForceOffline { agent } => acd.force_offline(now, agent, actor)?,
            Request::Select { agent, channel, selection } => acd.select(now, agent, channel, selection, actor)?,
            Request::SelectAll { agent, selection } => acd.select_all(now, agent, selection, actor)?,
            Request::SetStatus { agent, channel, selection, how } => {
                acd.set_status(now, agent, channel, selection, how, actor)?;
            }
            Request::Receive { agent, on } => acd.receive(now, agent, on, actor)?,
            Request::Active { agent } => acd.handle_activity(now, agent),
            Request::Dnd { agent, on } => acd.set_dnd(now, agent, on, actor)?,
            Request::LogIn { agent, queues } => acd.login_all(now, agent, &queues, actor)?,
            Request::LogOut { agent, queue, now: at_once } => {
                let when = if at_once { LogoutWhen::Now } else { LogoutWhen::After };
                acd.logout(now, agent, queue, when, actor)?;
            }
            Request::Pause { agent, queue, reason } => acd.pause(now, agent, queue, reason, actor)?,
            Request::Resume { agent, queue } => acd.resume(now, agent, queue, actor)?,
            Request::SetDevice { agent, queue, device } => self.set_device(now, agent, queue, device, actor)?,
            Request::Accept { agent, offer } => {
                self.check_offer(agent, offer)?;
                self.acd.accept(now, offer, actor)?;
            }
            Request::Decline { agent, offer } => {
                self.check_offer(agent, offer)?;
                self.acd.decline(now, offer, actor)?;
            }
            Request::FinishWrapUp { agent, engagement } => acd.finish_wrap_up(now, agent, engagement, actor)?,
            Request::ExtendWrapUp { agent, engagement, by } => {
                acd.extend_wrap_up(now, agent, engagement, by, actor)?;
            }
            Request::Write { agent, engagement, change } => acd.write_work(now, agent, engagement, change)?,
            Request::MarkDone { agent, engagement, next } => acd.mark_done(now, agent, engagement, next, actor)?,
            Request::Withdraw { interaction } => acd.withdraw(now, interaction, actor)?,
            Request::SetPriority { interaction, priority } => {
                acd.reprioritise(now, interaction, priority, actor)?;
                // He takes it along where the queue's chain leads out of the queues and in again.
                if let Some(waiting) = self.waiting.get_mut(&interaction) {
                    waiting.priority = priority;
                }
            }
            Request::Move { interaction, queue } => acd.move_to(now, interaction, queue, actor)?,
            Request::Assign { interaction, agent } => acd.assign(now, interaction, agent, actor)?,
            Request::Pull { interaction, agent } => _ = acd.pull(now, interaction, agent)?,
            Request::SetDoor { queue, door } => acd.set_door(now, queue, door, actor)?,
            Request::AddLeg { call, by, to } => self.host(call, actor)?.add_leg(now, call, by, &to)?,
            Request::Transfer { call, by, to, failed } => {
                self.host(call, actor)?.transfer(now, call, by, &to, failed)?
            }
            Request::Hold { call, held } => self.host(call, actor)?.hold(now, call, actor, held)?,
            Request::Consult { call, by, to } => self.host(call, actor)?.consult(now, call, by, &to)?,
            Request::ConsultStep { call, step } => self.host(call, actor)?.consult_step(now, call, actor, step)?,
            Request::DropLeg { call, leg } => self.host_or_own(call, actor, leg)?.drop_leg(now, call, actor, leg)?,
            Request::MuteLeg { call, leg, muted } => self.mute_leg(call, actor, leg, muted)?,
            Request::SetGain { call, leg, gain_db } => self.set_gain(call, actor, leg, gain_db)?,
            Request::JudgeAnswer { call, leg, settings } => self.judge_answer(call, leg, settings)?,
            Request::Supervise { call, user, mode } => self.supervise(now, call, user, mode)?,
            Request::EndSupervision { call, user } => self.end_supervision(now, call, user)?,
            Request::RestRecording { call, rests } => self.rest_recording(now, call, rests, actor)?,
            Request::PlayClip { call, play } => self.play_clip(now, call, play)?,
            Request::StopClip { call } => self.stop_clip_asked(call)?,
            Request::HangUp { call } => self.hang_up_asked(now, call, actor)?,
            Request::Explain { interaction } => return self.explained(now, interaction),
            Request::Subscriptions => return Ok(Answer::Subscriptions(self.watch_views(now))),
            // Answered when the service has.
            Request::TryService { .. } => {}
            Request::Snapshot => return Ok(Answer::Snapshot(Box::new(self.snapshot(now)))),
            Request::SnapshotWithDevices => return Ok(Answer::Snapshot(Box::new(self.snapshot_with_devices(now)))),
        }
        Ok(Answer::Done)
    }

    /// Why nobody has been offered it yet.
    fn explained(&mut self, now: Now, interaction: InteractionId) -> Result<Answer, Refused> {
        let explained = self.acd.explain(now, interaction);
        let explained = explained.ok_or_else(|| Refused::unknown("not_waiting", "it does not wait"))?;
        Ok(Answer::Explanation(Box::new(explained)))
    }

    /// An offer is taken or declined only by whom it was made to: to others it is as one that is not.
    fn check_offer(&self, agent: AgentId, offer: crate::base::OfferId) -> Result<(), Refused> {
        let own = self.offers.get(&offer).filter(|asked| asked.agent == agent);
        own.map(|_| ()).ok_or_else(|| {
            Refused::unknown("no_offer", "this offer is over: it was answered, withdrawn, or its time is up")
        })
    }
}
