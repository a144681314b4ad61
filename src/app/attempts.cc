#include "app/attempts.h"

namespace app {

bool IsLoopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

int Attempts::Begin(const Ticket& ticket, base::Time now) {
  if (const int wait = of_pair_.Take(ticket.pair, now)) return wait;
  if (!ticket.account.empty()) {
    if (const int wait = of_account_.Take(ticket.account, now)) {
      of_pair_.GiveBack(ticket.pair);
      return wait;
    }
  }
  if (!ticket.address.empty()) {
    if (const int wait = of_address_.Take(ticket.address, now)) {
      of_pair_.GiveBack(ticket.pair);
      if (!ticket.account.empty()) of_account_.GiveBack(ticket.account);
      return wait;
    }
  }
  return 0;
}

void Attempts::GiveBack(const Ticket& ticket) {
  of_pair_.GiveBack(ticket.pair);
  if (!ticket.account.empty()) of_account_.GiveBack(ticket.account);
  if (!ticket.address.empty()) of_address_.GiveBack(ticket.address);
}

Attempts::Share Attempts::SignInShare(const std::string& pair, base::Time now) {
  return {of_pair_.limit(), of_pair_.window_s(), of_pair_.Ask(pair, now)};
}

Attempts::Share Attempts::SignUpShare(const std::string& address, base::Time now) {
  return {sign_ups_.limit(), sign_ups_.window_s(), sign_ups_.Ask(address, now)};
}

int Attempts::SignUp(const std::string& address, base::Time now) {
  return IsLoopback(address) ? 0 : sign_ups_.Take(address, now);
}

}  // namespace app
