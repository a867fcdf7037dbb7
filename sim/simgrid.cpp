/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The only file that sees SimGrid, and the only C++.  SimGrid's C API cannot
 * create links or routes, so this subclasses the installed NetZoneImpl: the
 * caller hands each flow its list of links when the flow starts.
 *
 * Settings (docs/model.md, "The engine"): CM02 without cross traffic and
 * without a TCP window is pure alpha-beta with max-min sharing.  CM02 shares a
 * link in proportion to 1 / latency, so get_local_route() returns 1 / phi as
 * the latency and the latency factor gives the true alpha back.  Payloads are
 * whole bytes in SimGrid: payloads and capacities are scaled by 2^20.
 * network/optim is Full: the default, Lazy, solves again only around the first
 * link of a flow that leaves its latency, and gives wrong rates where several
 * do so at one instant (tests/test_fold.c finds it).
 */
#include "simgrid.h"

#include <cmath>
#include <deque>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <simgrid/Exception.hpp>
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/kernel/resource/NetworkModelIntf.hpp>
#include <simgrid/kernel/routing/NetZoneImpl.hpp>
#include <simgrid/s4u.hpp>
#include <simgrid/version.h>
#include <xbt/log.h>

namespace sg = simgrid;

namespace
{

const double scale = 1048576.0; /* 2^20: exact in a double */
/* A link of capacity 0 drops out of SimGrid's solve, and its flows would run as
 * fast as their other links allow.  At this rate one moves a byte in 30,000
 * years. */
const double stalled_bytes_per_s = 1e-12;
/* CM02 ignores the sharing weight of a flow without latency. */
const double alpha_min_s = 1e-15;

struct Flow {
    sg::s4u::CommPtr comm;
    void (*call)(void *) = nullptr;
    void *data = nullptr;
    bool in_use = false;
};

class GivenRoutes;

struct State {
    std::unique_ptr<sg::s4u::Engine> engine;
    GivenRoutes *zone = nullptr;
    sg::s4u::Host *from = nullptr;
    sg::s4u::Host *to = nullptr;
    std::vector<sg::s4u::Link *> links;
    std::deque<Flow> flows;
    std::vector<int64_t> free_flows;
    /* SimGrid still uses a communication after its completion callback; kept
     * until the clock has moved on. */
    std::deque<std::pair<double, sg::s4u::CommPtr>> ended;
    const struct lh__simgrid_flow *starting = nullptr;
};

/* SimGrid is itself a global: one engine a process. */
State *state = nullptr;
std::string error_text;

class GivenRoutes : public sg::kernel::routing::NetZoneImpl
{
  public:
    explicit GivenRoutes(const std::string &name) : NetZoneImpl(name)
    {
    }

    void get_local_route(const sg::kernel::routing::NetPoint *,
                         const sg::kernel::routing::NetPoint *,
                         sg::kernel::routing::Route *into,
                         double *latency) override
    {
        const struct lh__simgrid_flow *flow = state->starting;
        for (int32_t i = 0; i < flow->n_links; i++)
            into->link_list_.insert(into->link_list_.end(),
                                    (size_t)flow->repeats[i],
                                    state->links[flow->links[i]]->get_impl());
        *latency += 1.0 / flow->phi;
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
    state->flows[id] = Flow();
    state->free_flows.push_back(id);
}

void flow_completed(const sg::s4u::Activity &activity)
{
    const auto *comm = dynamic_cast<const sg::s4u::Comm *>(&activity);
    if (comm == nullptr)
        return;
    auto id = (int64_t)(intptr_t)comm->get_data<void>() - 1;
    if (id < 0 || !state->flows[id].in_use)
        return;
    void (*call)(void *) = state->flows[id].call;
    void *data = state->flows[id].data;
    flow_free(id);
    call(data);
}

double latency_factor(double, const sg::s4u::Host *, const sg::s4u::Host *,
                      const std::vector<sg::s4u::Link *> &,
                      const std::unordered_set<sg::s4u::NetZone *> &)
{
    return std::fmax(state->starting->alpha_s, alpha_min_s)
           * state->starting->phi;
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
            state->zone = new GivenRoutes("longhaul");
            state->from = state->zone->create_host("from", {1.0});
            state->to = state->zone->create_host("to", {1.0});
            state->zone->get_iface()->get_network_model()->set_lat_factor_cb(
                latency_factor);
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
            auto *link = state->zone->create_link(
                "l" + std::to_string(id),
                {std::fmax(capacity_bytes_per_s, stalled_bytes_per_s) * scale});
            link->set_latency(0.0);
            link->seal();
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
            state->links[link]->set_bandwidth(
                std::fmax(capacity_bytes_per_s, stalled_bytes_per_s) * scale);
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
            auto payload = (uint64_t)std::llround(flow->bytes * scale);
            f.comm = sg::s4u::Comm::sendto_init(state->from, state->to);
            f.comm->set_payload_size(payload == 0 ? 1 : payload);
            f.comm->set_data((void *)(intptr_t)(id + 1));
            state->starting = flow;
            f.comm->vetoable_start();
            state->starting = nullptr;
            return id;
        },
        (int64_t)-1);
}

double lh__simgrid_left(int64_t flow)
{
    return guarded(
        [=] { return state->flows[flow].comm->get_remaining() / scale; }, -1.0);
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
            sg::kernel::timer::Timer::set(date_s, [=] { call(data); });
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
