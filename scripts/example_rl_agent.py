"""Example: OpenSpiel's RL agents learn to move through a crowd in four rooms.

    python -m mftrpo_openspiel.scripts.example_rl_agent --agent=q_learner

The crowd is fixed: it starts in a corner and moves at random. An agent learns
a response to it through OpenSpiel's `rl_environment`. The value of its policy
is computed exactly, by PolicyValue, and compared with that of BestResponse. The
share is the position of a value on the scale from random moves, 0, to the best
response, 1. The share of staying in the corner, which is easily learnt, is
printed for comparison.

Agents: `ppo`, OpenSpiel's mean-field PPO in PyTorch, the default where torch is
installed; and `q_learner`, its tabular Q-learner. The rewards of this package's
games include the discount factor, so both learn without discounting.
"""

from importlib import util

from absl import flags
import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python import rl_agent_policy
from open_spiel.python import rl_environment
from open_spiel.python import rl_tools
from open_spiel.python.algorithms import tabular_qlearner
from open_spiel.python.mfg.algorithms import best_response_value
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import policy_value

from mftrpo_openspiel.games import four_rooms
from mftrpo_openspiel.scripts import programs

FLAGS = flags.FLAGS


def train_q_learner(
  env: rl_environment.Environment, num_episodes: int
) -> policy_lib.Policy:
  """Returns the policy that OpenSpiel's tabular Q-learner learns."""
  agent = tabular_qlearner.QLearner(
    player_id=0,
    num_actions=env.action_spec()["num_actions"],
    step_size=0.5,
    epsilon_schedule=rl_tools.ConstantSchedule(0.6),
  )
  for _ in range(num_episodes):
    time_step = env.reset()
    while not time_step.last():
      time_step = env.step([agent.step(time_step).action])
    agent.step(time_step)
  return rl_agent_policy.RLAgentPolicy(env.game, agent, 0, env.use_observation)


def train_ppo(
  env: rl_environment.Environment, num_episodes: int
) -> policy_lib.Policy:
  """Returns the policy that PPO learns, from 20 episodes at a time."""
  from open_spiel.python.mfg.algorithms.pytorch import (
    mfg_proximal_policy_optimization as ppo,
  )
  import torch

  torch.set_num_threads(1)  # More threads are slower on such small networks.
  torch.manual_seed(np.random.randint(2**31))
  (size,) = env.observation_spec()["info_state"]
  agent = ppo.Agent(size, env.action_spec()["num_actions"])
  actor = torch.optim.Adam(agent.actor.parameters(), lr=1e-3)
  critic = torch.optim.Adam(agent.critic.parameters(), lr=1e-3)
  for _ in range(0, num_episodes, 20):
    num_steps = 20 * env.max_game_length
    history = ppo.rollout(env, agent, agent, 20, num_steps, "cpu")
    history["advantages"], history["returns"] = ppo.calculate_advantage(
      1.0, True, history["rewards"], history["values"], history["dones"], "cpu"
    )
    # With alpha = 1 the agent is not regularized towards the crowd's policy.
    ppo.learn(history, actor, critic, agent, alpha=1.0)
  return ppo.Policy(env.game, agent, None, "cpu")


# For each agent, a number of episodes that takes less than a minute.
AGENTS = {"ppo": (train_ppo, 1000), "q_learner": (train_q_learner, 6000)}


def define_flags() -> None:
  """Defines the flags of the program."""
  flags.DEFINE_enum(
    "agent",
    None,
    sorted(AGENTS),
    "The learning agent. By default ppo if torch is installed, else q_learner.",
  )
  flags.DEFINE_integer(
    "num_episodes",
    None,
    "Number of training episodes. By default 1000 for ppo and 6000 for"
    " q_learner.",
    1,
  )
  flags.DEFINE_integer("room_size", 2, "Size of each room.", lower_bound=1)
  flags.DEFINE_integer(
    "horizon", 8, "Number of steps in an episode.", lower_bound=1
  )
  flags.DEFINE_integer("seed", 0, "Seed of all random numbers.", 0, 2**32 - 1)


def main() -> None:
  """Trains an agent and prints its value, with others for comparison."""
  has_torch = util.find_spec("torch") is not None
  agent = FLAGS.agent or ("ppo" if has_torch else "q_learner")
  if agent == "ppo" and not has_torch:
    raise ValueError("agent 'ppo' needs torch, which is not installed.")
  train, num_episodes = AGENTS[agent]
  num_episodes = FLAGS.num_episodes or num_episodes
  game = four_rooms.FourRoomsGame(
    {"room_size": FLAGS.room_size, "horizon": FLAGS.horizon}
  )
  uniform = policy_lib.UniformRandomPolicy(game)
  crowd = distribution.DistributionPolicy(game, uniform)
  env = rl_environment.Environment(
    game, mfg_distribution=crowd, mfg_population=0
  )
  env.seed(FLAGS.seed)
  np.random.seed(FLAGS.seed)
  print(f"{agent} learns from {num_episodes} episodes.")
  start = game.new_initial_state()

  def value(policy: policy_lib.Policy) -> float:
    return policy_value.PolicyValue(game, crowd, policy).value(start)

  values = {
    "random moves": value(uniform),
    "staying": value(policy_lib.FirstActionPolicy(game)),
    agent: value(train(env, num_episodes)),
    "best response": best_response_value.BestResponse(game, crowd).value(start),
  }
  least, best = values["random moves"], values["best response"]
  for name, its_value in values.items():
    share = (its_value - least) / (best - least)
    print(f"{name:13}  value {its_value:.6f}  share {share:.3f}")


def run() -> None:
  """Entry point of the program."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
