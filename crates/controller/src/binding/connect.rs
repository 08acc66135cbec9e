//! Connections to the account that a binding's role is in.

use irsa_aws::Connect;
use irsa_core::vocabulary::ConditionType;
use irsa_pipeline::{
    binding::{aws_errors::step_error, observe::context::Context, validate::account::check_caller},
    spec::federation_view::Provider,
    step_error::StepError,
};

use super::bindings::Bindings;
use crate::leadership::Leadership;

impl<C: Connect, L: Leadership> Bindings<C, L> {
    pub(super) async fn connect(&self, context: &Context, provider: &Provider) -> Result<C::Aws, StepError> {
        let connected = self.connect.connect(&context.federation.usage.connection).await;
        let aws = connected.map_err(|error| step_error(ConditionType::RoleSynced, &error))?;
        check_caller(&aws, provider)?;
        Ok(aws)
    }
}
