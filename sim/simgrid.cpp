/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The only file that sees SimGrid, and the only C++.  SimGrid's communications,
 * clock, timers and max-min solver are used; its links and routes are not: a
 * link here is a constraint of the solver, and each flow is laid on its links,
 * at any weight and with its cap, when it starts.
 *
 * Settings (docs/model.md, "The engine"): CM02 without cross traffic and
 * without a TCP window is pure alpha-beta with max-min sharing.  CM02 shares a
 * link in proportion to 1 / latency, so get_local_route() returns 1 / phi as
 * the latency and the latency factor gives the true alpha back.  Payloads are
 * whole numbers in SimGrid: a flow's is its bytes x a power of two, its
 * bandwidth factor, so that it has all the bits of a double.
 * network/optim is Full: the default, Lazy, solves again only around the first
 * link of a flow that leaves its latency, and gives wrong rates where several
 * do so at one instant (tests/test_fold.c finds it).  With an unlimited link
 * of its own first in each flow Lazy is right too, but slower wherever flows
 * share links.
 */
#include "simgrid.h"

#include <cmath>
#include <deque>
#include <functional>
#include <memory>
#include <new>
#include <queue>
#include <stdexcept>
#include <string>
#include <vector>

#include <simgrid/Exception.hpp>
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/kernel/resource/Model.hpp>
#include <simgrid/kernel/resource/NetworkModelIntf.hpp>
#include <simgrid/kernel/routing/NetZoneImpl.hpp>
#include <simgrid/s4u.hpp>
#include <simgrid/version.h>
#include <xbt/log.h>

namespace sg = simgrid;

/* The solver.  The library exports it, but no header publishes it; SimGrid's
 * own routes take a link at whole weights only, one list entry a unit.  What
 * is declared here is resolved by name when the program is linked, and no
 * object is looked into. */
namespace simgrid
{
namespace kernel
{
namespace lmm
{
class System
{
  public:
    Constraint *constraint_new(resource::Resource *id, double bound);
    void update_constraint_bound(Constraint *constraint, double bound);
    Variable *variable_new(resource::Action *id, double penalty, double bound,
                           size_t n_constraints);
    void variable_free(Variable *variable);
    void expand(Constraint *constraint, Variable *variable, double weight,
                bool force_creation);
};
} // namespace lmm
} // namespace kernel
} // namespace simgrid

namespace
{

/* Payloads are whole numbers of this many bits: all that a double holds. */
const int payload_bits = 52;
/* The solver takes for nothing what is below its precision: of a link's
 * capacity a part of 1e-12; of the sum of weight x share on a link, where the
 * heaviest flow counts 1/2 to 1, a part of 1.3e-10 (1e-12 / share_unit), which
 * must lie above the rounding of sums of some thousand flows and below what
 * any flow counts. */
const char *const precision = "maxmin/precision:1e-12";
const double share_unit = 1.0 / 128;
const double least_use = 2e-10;
/* The solver leaves a link without capacity out, and its flows unlimited: what
 * a dead link has instead, and when flows end that have nothing better. */
const double dead_bytes_per_s = 1e-250;
const double never_s = 1e200;
/* CM02 ignores the sharing weight of a flow without latency. */
const double alpha_min_s = 1e-15;

struct Flow {
    sg::s4u::CommPtr comm;
    void (*call)(void *) = nullptr;
    void *data = nullptr;
    sg::kernel::resource::Action *action = nullptr; /* held */
    double factor = 1.0; /* units of payload in a byte: a power of two */
    bool in_use = false;
};

struct Link {
    sg::kernel::lmm::Constraint *constraint = nullptr;
    double capacity = 0.0; /* bytes/s */
    double unit = 0.0;     /* of weight x phi: that of the heaviest flow; 0:
                              no flow is expected */
};

class EmptyRoutes;

struct State {
    std::unique_ptr<sg::s4u::Engine> engine;
    EmptyRoutes *zone = nullptr;
    sg::kernel::resource::Model *model = nullptr; /* of the network */
    sg::s4u::Host *from = nullptr;
    sg::s4u::Host *to = nullptr;
    sg::kernel::lmm::System *sharing = nullptr; /* max-min */
    std::vector<Link> links;
    std::deque<Flow> flows;
    std::vector<int64_t> free_flows;
    /* SimGrid still uses a communication after its completion callback; kept
     * until the clock has moved on. */
    std::deque<std::pair<double, sg::s4u::CommPtr>> ended;
    /* Of the timers that are set; SimGrid's own list cannot be seen from here.
     */
    std::priority_queue<double, std::vector<double>, std::greater<double>>
        dates;
    const struct lh__simgrid_flow *starting = nullptr;
    double starting_factor = 1.0;
    bool has_sent = false;
    double ended_left = 0.0; /* bytes, of the flow that ended last */
    bool telling = false; /* of a flow's end, while it still has its share */
};

/* SimGrid is itself a global: one engine a process. */
State *state = nullptr;
std::string error_text;

/* What SimGrid divides a flow's share by. */
double penalty()
{
    return 1.0 / (share_unit * state->starting->phi);
}

/* The route of every flow: its penalty for a latency, and no link. */
class EmptyRoutes : public sg::kernel::routing::NetZoneImpl
{
  public:
    explicit EmptyRoutes(const std::string &name) : NetZoneImpl(name)
    {
    }

    void get_local_route(const sg::kernel::routing::NetPoint *,
                         const sg::kernel::routing::NetPoint *,
                         sg::kernel::routing::Route *, double *latency) override
    {
        *latency += penalty();
    }
};

template <class F>
auto guarded(F body, decltype(body()) failed) -> decltype(body())
{
    try {
        return body();
    } catch (const std::exception &e) {
        error_text = e.what();
    } catch (...) {
        error_text = "unknown C++ exception";
    }
    return failed;
}

int64_t flow_new()
{
    if (state->free_flows.empty()) {
        state->flows.emplace_back();
        return (int64_t)state->flows.size() - 1;
    }
    int64_t id = state->free_flows.back();
    state->free_flows.pop_back();
    return id;
}

void flow_free(int64_t id)
{
    double now_s = sg::s4u::Engine::get_clock();
    while (!state->ended.empty() && state->ended.front().first < now_s)
        state->ended.pop_front();
    state->ended.emplace_back(now_s, state->flows[id].comm);
    state->flows[id].action->unref();
    state->flows[id] = Flow();
    state->free_flows.push_back(id);
}

void flow_completed(const sg::s4u::Activity &activity)
{
    const auto *comm = dynamic_cast<const sg::s4u::Comm *>(&activity);
    if (comm == nullptr)
        return;
    auto id = (int64_t)(intptr_t)comm->get_data<void>() - 1;
    if (id < 0 || !state->flows[id].in_use
        || sg::s4u::Engine::get_clock() > never_s)
        return;
    void (*call)(void *) = state->flows[id].call;
    void *data = state->flows[id].data;
    state->ended_left = state->flows[id].action->get_remains_no_update()
                        / state->flows[id].factor;
    flow_free(id);
    state->telling = true;
    call(data);
    state->telling = false;
}

double unit_of(const Link &link)
{
    return link.unit > 0 ? link.unit : 1.0;
}

void link_update(const Link &link)
{
    double capacity = std::fmax(link.capacity, dead_bytes_per_s);
    state->sharing->update_constraint_bound(link.constraint,
                                            capacity / unit_of(link));
}

/* Lays the flow that was just started, the newest of the started actions, on
 * its links: a variable of the solver, which stays disabled until the latency
 * is over, in place of the one that the empty route was given. */
void flow_lay(const struct lh__simgrid_flow *flow)
{
    sg::kernel::resource::Action &action =
        state->model->get_started_action_set()->back();
    if (action.get_cost() != flow->bytes * state->starting_factor)
        throw std::logic_error("another action than the flow's was started");
    double cap = flow->cap_bytes_per_s > 0 ? flow->cap_bytes_per_s : -1.0;
    state->sharing->variable_free(action.get_variable());
    auto *variable =
        state->sharing->variable_new(&action, 0.0, cap, (size_t)flow->n_links);
    action.set_variable(variable);
    for (int32_t i = 0; i < flow->n_links; i++) {
        const Link &link = state->links[flow->links[i]];
        double weight = (double)flow->weights[i] / unit_of(link);
        if (weight * flow->phi < least_use)
            throw std::range_error("flows on one link differ in weight by "
                                   "more than 2.5e9 : 1");
        state->sharing->expand(link.constraint, variable, weight, true);
    }
}

double latency_factor(double, const sg::s4u::Host *, const sg::s4u::Host *,
                      const std::vector<sg::s4u::Link *> &,
                      const std::unordered_set<sg::s4u::NetZone *> &)
{
    return std::fmax(state->starting->alpha_s, alpha_min_s) / penalty();
}

/* Units of payload that a flow moves for each byte/s of its rate. */
double bandwidth_factor(double, const sg::s4u::Host *, const sg::s4u::Host *,
                        const std::vector<sg::s4u::Link *> &,
                        const std::unordered_set<sg::s4u::NetZone *> &)
{
    return state->starting_factor;
}

} // namespace

const char *lh__simgrid_error(void)
{
    return error_text.c_str();
}

const char *lh__simgrid_version(void)
{
    static std::string version;
    int major = 0, minor = 0, patch = 0;
    sg_version_get(&major, &minor, &patch);
    version = std::to_string(major) + "." + std::to_string(minor);
    return version.c_str();
}

int lh__simgrid_open(void)
{
    return guarded(
        [] {
            /* Its own argv, so that no user changes the model by accident. */
            static char name[] = "longhaul";
            static char *argv[] = {name, nullptr};
            int argc = 1;
            xbt_log_control_set("root.thres:critical");
            state = new State;
            state->engine = std::make_unique<sg::s4u::Engine>(&argc, argv);
            sg::s4u::Engine::set_config("network/model:CM02");
            sg::s4u::Engine::set_config("network/crosstraffic:0");
            sg::s4u::Engine::set_config("network/TCP-gamma:0");
            sg::s4u::Engine::set_config("network/optim:Full");
            sg::s4u::Engine::set_config("surf/precision:1e-12");
            sg::s4u::Engine::set_config(precision);
            state->zone = new EmptyRoutes("longhaul");
            state->from = state->zone->create_host("from", {1.0});
            state->to = state->zone->create_host("to", {1.0});
            auto *network = state->zone->get_iface()->get_network_model();
            network->set_lat_factor_cb(latency_factor);
            network->set_bw_factor_cb(bandwidth_factor);
            state->model = dynamic_cast<sg::kernel::resource::Model *>(network);
            if (state->model == nullptr)
                throw std::runtime_error("the network is no lmm model");
            state->sharing = state->model->get_maxmin_system();
            sg::s4u::Activity::on_completion_cb(flow_completed);
            return 0;
        },
        -1);
}

int lh__simgrid_link(double capacity_bytes_per_s)
{
    return guarded(
        [=] {
            int id = (int)state->links.size();
            Link link;
            link.capacity = capacity_bytes_per_s;
            link.constraint =
                state->sharing->constraint_new(nullptr, capacity_bytes_per_s);
            state->links.push_back(link);
            return id;
        },
        -1);
}

int lh__simgrid_seal(void)
{
    return guarded(
        [] {
            state->from->seal();
            state->to->seal();
            state->zone->seal();
            return 0;
        },
        -1);
}

int lh__simgrid_link_set(int32_t link, double capacity_bytes_per_s)
{
    return guarded(
        [=] {
            state->links[link].capacity = capacity_bytes_per_s;
            link_update(state->links[link]);
            return 0;
        },
        -1);
}

void lh__simgrid_expect(int32_t link, double use)
{
    (void)guarded(
        [=] {
            Link &l = state->links[link];
            bool in_use = state->has_sent && l.unit > 0;
            if (in_use || use <= l.unit)
                return 0;
            l.unit = std::ldexp(1.0, std::ilogb(use) + 1);
            link_update(l);
            return 0;
        },
        -1);
}

int64_t lh__simgrid_send(const struct lh__simgrid_flow *flow)
{
    return guarded(
        [=]() -> int64_t {
            int64_t id = flow_new();
            Flow &f = state->flows[id];
            f.call = flow->call;
            f.data = flow->data;
            f.in_use = true;
            state->has_sent = true;
            f.factor = std::ldexp(1.0, payload_bits - std::ilogb(flow->bytes));
            f.comm = sg::s4u::Comm::sendto_init(state->from, state->to);
            f.comm->set_payload_size((uint64_t)(flow->bytes * f.factor));
            f.comm->set_data((void *)(intptr_t)(id + 1));
            state->starting = flow;
            state->starting_factor = f.factor;
            f.comm->vetoable_start();
            f.action = &state->model->get_started_action_set()->back();
            f.action->ref(); /* until what it left has been asked for */
            flow_lay(flow);
            state->starting = nullptr;
            return id;
        },
        (int64_t)-1);
}

double lh__simgrid_left(int64_t flow)
{
    return guarded(
        [=] {
            const Flow &f = state->flows[flow];
            return f.comm->get_remaining() / f.factor;
        },
        -1.0);
}

double lh__simgrid_ended_left(void)
{
    return state->ended_left;
}

void lh__simgrid_cancel(int64_t flow)
{
    (void)guarded(
        [=] {
            sg::s4u::CommPtr comm = state->flows[flow].comm;
            flow_free(flow);
            comm->cancel();
            return 0;
        },
        -1);
}

int lh__simgrid_at(double date_s, void (*call)(void *), void *data)
{
    return guarded(
        [=] {
            state->dates.push(date_s);
            sg::kernel::timer::Timer::set(date_s, [=] {
                state->dates.pop(); /* they ring in the order of dates */
                call(data);
            });
            return 0;
        },
        -1);
}

int lh__simgrid_run(void)
{
    return guarded(
        [] {
            state->engine->run();
            return 0;
        },
        -1);
}

double lh__simgrid_now(void)
{
    return sg::s4u::Engine::get_clock();
}

double lh__simgrid_next(void)
{
    return guarded(
        [] {
            double now_s = sg::s4u::Engine::get_clock();
            /* Flows that ended at this instant, of which it has yet to tell. */
            if (state->telling || !state->model->get_finished_action_set()->empty()
                || !state->model->get_failed_action_set()->empty())
                return now_s;
            double wait_s = state->model->next_occurring_event(now_s);
            double next_s = wait_s >= 0 ? now_s + wait_s : INFINITY;
            return state->dates.empty()
                       ? next_s
                       : std::fmin(next_s, state->dates.top());
        },
        -1.0);
}
